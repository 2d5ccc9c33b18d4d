import { CaiError } from "../system/index.ts";
import { type Core, checkGeometry, ID_SIZE } from "./core.ts";
import type { FileEntry, IndexEntry } from "./entry.ts";
import { encodeIndex } from "./index-text.ts";
import { EPOCH_SALT_SIZE } from "./keys.ts";
import { epochCount, INDEX_BLOCK, indexMemberSize, roundUp, sealedSize } from "./layout.ts";
import type { FileIdentity, ScannedEntry } from "./scan.ts";

/** How the end of the stream hides the model's exact size (model-format.md §3.5). */
export type Padding = "none" | "1MiB" | "padme";

/** The writer's choices; what readers need of them stands in the core. */
export interface PlanSettings {
  /** bytes of plaintext a block: a power of two, 4096 to 4 MiB; default 64 KiB */
  readonly chunk: number;
  /** blocks that share one key: 1 to 2^20; default 16,384 */
  readonly epoch: number;
  /** bytes of the stream a tar member: a multiple of 512, at most 4 GiB; default 1 GiB */
  readonly part: number;
  /** default `1MiB` */
  readonly pad: Padding;
  /** whether the index carries the SHA-256 of each file, which a deep verification needs; default true */
  readonly digest: boolean;
  /** whether the index carries times of modification; default false */
  readonly mtime: boolean;
}

/** Everything that is known before the first byte is encrypted: the index but for its digests, and so every position. */
export interface Plan {
  readonly core: Core;
  /** in index order; digests, where there are any, are still all zeros: their width is fixed, so the sizes hold */
  readonly entries: readonly IndexEntry[];
  /** the files with bytes of their own, each with the state that it was scanned in */
  readonly sources: readonly { readonly file: FileEntry; readonly identity: FileIdentity }[];
  /** bytes of the stream that files take; the rest of it is padding */
  readonly sealed: number;
  /** bytes of plaintext that will be read */
  readonly plaintext: number;
}

const MIB = 1024 * 1024;
const MAX_ENTRIES = 2 ** 32;
const DIGEST_DIGITS = 64;

/**
 * Lays out an artefact.
 *
 * @param random  gives that many random bytes; called for the id, then for each epoch's salt in index order
 * @throws CaiError `model.input-unsupported` for a tree above the limits of §3.7, `cli.setting-invalid` for settings out of bounds
 */
export function planArtefact(scanned: readonly ScannedEntry[], settings: PlanSettings, random: (length: number) => Uint8Array): Plan {
  if (scanned.length > MAX_ENTRIES) {
    throw new CaiError("model.input-unsupported", "the tree has too many names", {
      expected: `at most ${MAX_ENTRIES}`,
      got: `${scanned.length}`,
    });
  }
  checkSettings(settings);
  const id = random(ID_SIZE);
  const entries: IndexEntry[] = [];
  const sources: Plan["sources"][number][] = [];
  const firstNames = new Map<string, FileEntry>();
  let sealed = 0;
  let plaintext = 0;
  for (const item of scanned) {
    const time = settings.mtime && { mtime: item.mtime };
    if (item.kind === "directory") entries.push({ kind: "directory", path: item.path, ...time });
    else if (item.kind === "symlink") entries.push({ kind: "symlink", path: item.path, target: item.target, ...time });
    else {
      const { identity, path, executable } = item;
      const inode = `${identity.device}:${identity.inode}`;
      const first = item.shared ? firstNames.get(inode) : undefined;
      if (first !== undefined) {
        entries.push({ ...first, path, linkOf: first.fileNo });
        continue;
      }
      const salts = Array.from({ length: epochCount(settings, identity.size) }, () => random(EPOCH_SALT_SIZE));
      const digest = settings.digest && { digest: "0".repeat(DIGEST_DIGITS) };
      const fileNo = entries.length;
      const file: FileEntry = { kind: "file", path, fileNo, size: identity.size, offset: sealed, salts, ...digest, executable, ...time };
      entries.push(file);
      sources.push({ file, identity });
      if (item.shared) firstNames.set(inode, file);
      sealed += sealedSize(settings, file.size);
      plaintext += file.size;
    }
  }
  const core: Core = {
    v: 1,
    id,
    cipher: "A256GCM",
    chunk: settings.chunk,
    epoch: settings.epoch,
    part: settings.part,
    stream: pad(sealed, settings.pad),
    index: indexMemberSize(settings, encodeIndex(entries).length),
  };
  return { core: checkCore(core, "model.input-unsupported"), entries, sources, sealed, plaintext };
}

/** Holds the settings to the bounds that readers hold a core to. */
function checkSettings({ chunk, epoch, part }: PlanSettings): void {
  const index = indexMemberSize({ chunk }, INDEX_BLOCK);
  checkCore({ v: 1, id: new Uint8Array(ID_SIZE), cipher: "A256GCM", chunk, epoch, part, stream: 0, index }, "cli.setting-invalid");
}

/** Sees that readers will take the core. @throws CaiError of the id `id`: what is wrong is not a header that somebody sent */
function checkCore(core: Core, id: "cli.setting-invalid" | "model.input-unsupported"): Core {
  try {
    checkGeometry(core);
    return core;
  } catch (cause) {
    const { message, expected, got } = CaiError.from(cause);
    throw new CaiError(id, message, { ...(expected && { expected }), ...(got && { got }), cause });
  }
}

/** The stream's size with its padding. Padmé keeps as many leading bits of the size as its own length needs. */
function pad(size: number, padding: Padding): number {
  if (padding === "none" || size === 0) return size;
  if (padding === "1MiB") return roundUp(size, MIB);
  const exponent = Math.floor(Math.log2(size));
  const kept = exponent === 0 ? 0 : Math.floor(Math.log2(exponent)) + 1;
  return roundUp(size, 2 ** Math.max(0, exponent - kept));
}
