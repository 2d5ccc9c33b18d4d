import { formatTable } from "../../../system/index.ts";
import type { BackupContents } from "./back-up.ts";

/** What people call the rows that matter to them. */
const NAMES: Readonly<Record<string, string>> = {
  resources: "secrets",
  policies: "policies",
  reference_values: "reference values",
  administrators: "administrators",
  realms: "realms",
  roles: "roles",
  denials: "denials",
  collateral: "sets of collateral",
  own_keys: "private keys of the trustee",
  decisions: "decision records",
};

/** @returns lines that say what a backup holds */
export function contentsText({ created, world, rows }: BackupContents): string {
  const counts = Object.entries(NAMES).map(([table, name]) => ["  ", String(rows[table] ?? 0), name]);
  return [`a ${world} trustee, as it was at ${new Date(created * 1000).toISOString()}:`, formatTable(counts)].join("\n");
}
