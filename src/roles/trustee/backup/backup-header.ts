import { z } from "zod";
import { CaiError } from "../../../system/index.ts";
import { SCHEMA_VERSION, scryptParametersSchema } from "../store/index.ts";

/** What everybody can read of a backup, and nobody can change. */
const headerSchema = z.strictObject({
  /** seconds since 1970 */
  created: z.int().min(0),
  world: z.enum(["production", "simulated"]),
  /** the store's id */
  store: z.string().max(64),
  /** the version of the tables */
  schema: z.int().min(1),
  /** where the store's master key is a passphrase: what it becomes a key with */
  passphrase: scryptParametersSchema.optional(),
});
export type BackupHeader = z.output<typeof headerSchema>;

/** @throws CaiError `store.backup-unknown`; `store.schema-unknown` where another version of cai has to restore it */
export function parseBackupHeader(text: string): BackupHeader {
  let header: BackupHeader;
  try {
    header = headerSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new CaiError("store.backup-unknown", "the header of the backup cannot be read", { cause });
  }
  if (header.schema === SCHEMA_VERSION) return header;
  throw new CaiError("store.schema-unknown", "the backup was made by another version of cai", {
    expected: `schema ${SCHEMA_VERSION}`,
    got: `schema ${header.schema}`,
    hint: "Restore it with the version that made it; newer versions then bring the store to theirs.",
  });
}
