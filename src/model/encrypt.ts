import { randomBytes } from "node:crypto";
import { encodeCore } from "./core.ts";
import { interrupted } from "./crew.ts";
import type { IndexEntry } from "./entry.ts";
import { writeFrame, writeIndex, writePadding } from "./frame.ts";
import { encodeHeader } from "./header.ts";
import { encodeIndex } from "./index-text.ts";
import { artefactRoot, commitment, extractPrk, hashCore, indexKey, KEY_SIZE, NONCE_SIZE } from "./keys.ts";
import { archiveSize, INDEX_SALT_SIZE } from "./layout.ts";
import { clearOutput, createPartialFile } from "./partial-file.ts";
import { type PlanSettings, planArtefact } from "./plan.ts";
import { scanTree } from "./scan.ts";
import { sealFiles } from "./seal-files.ts";
import { type Recipient, wrapDek } from "./slot.ts";

/** What to encrypt, for whom, and how; the settings of the layout have defaults. */
export interface EncryptOptions extends Partial<PlanSettings> {
  /** a directory, or a single file */
  readonly input: string;
  /** the archive; must not exist */
  readonly output: string;
  /** whom the data key is wrapped for, one slot each; the caller wipes the keys */
  readonly recipients: readonly [Recipient, ...Recipient[]];
  /** a JSON value, shown by `inspect` and trusted by nobody */
  readonly hint?: unknown;
  /** threads; 0 works on the calling one. Default: one a core, none for a small model */
  readonly workers?: number;
  /** told the bytes of plaintext done and in total, as they grow */
  readonly progress?: (done: number, total: number) => void;
  /** gives that many random bytes: data key, id, each epoch's salt in index order, each slot's nonce, the index salt, then padding */
  readonly random?: (length: number) => Uint8Array;
  readonly signal?: AbortSignal;
  /** called with the root when the archive is whole and before it gets its name: the key's place of rest. Where it fails, nothing is left */
  readonly beforeFinish?: (root: string) => Promise<void>;
}

/** What was written. */
export interface EncryptResult {
  /** `sha256:<hex>`: pins exactly this artefact */
  readonly root: string;
  /** 32 bytes, public */
  readonly id: Uint8Array;
  readonly files: number;
  readonly directories: number;
  readonly symlinks: number;
  readonly plaintextBytes: number;
  /** size of the archive */
  readonly bytes: number;
}

/** 64 KiB is where sequential reads level off; the rest are the format's own defaults (model-format.md §2, §3). */
const DEFAULTS: PlanSettings = { chunk: 2 ** 16, epoch: 2 ** 14, part: 2 ** 30, pad: "1MiB", digest: true, mtime: false };

/**
 * Encrypts a tree into one archive (model-format.md §3). The archive appears under its name only when it is whole and flushed;
 * on any failure nothing is left of it.
 *
 * @throws CaiError `cli.output-exists`, `cli.output-failed`, `cli.input-unreadable`, `cli.setting-invalid`,
 *   `model.input-unsupported`, `model.source-changed`, `model.interrupted`
 */
export async function encryptModel(options: EncryptOptions): Promise<EncryptResult> {
  const { input, output, recipients, random = randomBytes, workers, progress, signal, beforeFinish } = options;
  const settings: PlanSettings = { ...DEFAULTS, ...options };
  await clearOutput(output);
  const tree = await scanTree(input);
  const dek = random(KEY_SIZE);
  const plan = planArtefact(tree.entries, settings, random);
  const { core } = plan;
  const coreBytes = encodeCore(core);
  const coreHash = hashCore(coreBytes);
  const slots = recipients.map((recipient) => wrapDek(dek, core.id, coreHash, recipient, random(NONCE_SIZE)));
  const indexSalt = random(INDEX_SALT_SIZE);
  const prk = extractPrk(dek, core.id);
  dek.fill(0);
  const header = encodeHeader({ coreBytes, commit: commitment(prk, coreHash), slots, hint: options.hint });
  const archive = await createPartialFile(output);
  try {
    writeFrame(archive.fd, core, header);
    const job = { plan, prk, base: tree.base, output: archive.fd, digest: settings.digest, workers, progress, signal };
    const digests = await sealFiles(job);
    writePadding(archive.fd, core, plan.sealed, random);
    const index = encodeIndex(withDigests(plan.entries, digests));
    writeIndex(archive.fd, core, index, indexKey(prk, coreHash, indexSalt), indexSalt);
    const root = artefactRoot(coreHash, index);
    await archive.flush();
    if (signal?.aborted) throw interrupted(signal);
    await beforeFinish?.(root);
    await archive.finish();
    const count = (kind: IndexEntry["kind"]) => plan.entries.filter((entry) => entry.kind === kind).length;
    return {
      root,
      id: core.id,
      files: count("file"),
      directories: count("directory"),
      symlinks: count("symlink"),
      plaintextBytes: plan.plaintext,
      bytes: archiveSize(core),
    };
  } finally {
    prk.fill(0);
    await archive.discard();
  }
}

function withDigests(entries: readonly IndexEntry[], digests: ReadonlyMap<number, string>): IndexEntry[] {
  return entries.map((entry) => {
    const digest = entry.kind === "file" ? digests.get(entry.fileNo) : undefined;
    return digest === undefined ? entry : { ...entry, digest };
  });
}
