import { createHash, randomBytes } from "node:crypto";
import { closeSync, ftruncateSync, openSync, writeSync } from "node:fs";
import type { Artefact } from "../../../src/model/artefact.ts";
import { sealChunk } from "../../../src/model/chunk.ts";
import type { IndexEntry } from "../../../src/model/entry.ts";
import { fileKey } from "../../../src/model/keys.ts";
import { chunkCount, chunkLength, epochCount, indexPosition, streamPosition, streamSegments, TAG_SIZE } from "../../../src/model/layout.ts";
import { openFileSource } from "../../../src/model/source.ts";

/** One name of a tree for a test: bytes of a file, a symbolic link's target, a hard link's other path, or a folder. */
export type Planned =
  | { readonly path: string; readonly bytes: Uint8Array; readonly executable?: boolean; readonly mtime?: number }
  | { readonly path: string; readonly target: string }
  | { readonly path: string; readonly same: string }
  | { readonly path: string };

export interface Geometry {
  readonly chunk?: number;
  readonly part?: number;
  readonly epoch?: number;
}

export interface TestArtefact {
  readonly file: string;
  readonly prk: Uint8Array;
  readonly entries: readonly IndexEntry[];
  open(): Promise<Artefact>;
  /** where chunk `chunk` of a file lies in the archive */
  position(path: string, chunk: number): number;
}

/** Seals a tree as the container does, without its header and index: what a mount reads are positions, keys and chunks. */
export function sealTree(
  file: string,
  tree: readonly Planned[],
  { chunk = 65536, part = 1 << 30, epoch = 16384 }: Geometry = {},
): TestArtefact {
  const prk = new Uint8Array(createHash("sha256").update(file).digest());
  const geometry = { chunk, part, epoch };
  const entries: IndexEntry[] = [];
  const numbers = new Map<string, number>();
  let stream = 0;
  const fd = openSync(file, "w");
  for (const planned of tree) {
    const fileNo = entries.length;
    numbers.set(planned.path, fileNo);
    if ("target" in planned) entries.push({ kind: "symlink", path: planned.path, target: planned.target });
    else if ("same" in planned) {
      const other = numbers.get(planned.same);
      const entry = other === undefined ? undefined : entries[other];
      if (entry?.kind !== "file") throw new Error(`${planned.same} is no file before ${planned.path}`);
      entries.push({ ...entry, path: planned.path, linkOf: entry.fileNo });
    } else if ("bytes" in planned) {
      const { path, bytes, executable = false, mtime } = planned;
      const salts = Array.from({ length: epochCount(geometry, bytes.length) }, () => new Uint8Array(randomBytes(16)));
      entries.push({
        kind: "file",
        path,
        fileNo,
        size: bytes.length,
        offset: stream,
        salts,
        executable,
        ...(mtime !== undefined && { mtime }),
      });
      const count = chunkCount(geometry, bytes.length);
      for (let number = 0; number < count; number++) {
        const plain = bytes.subarray(number * chunk, number * chunk + chunkLength(geometry, bytes.length, number));
        const sealed = new Uint8Array(plain.length + TAG_SIZE);
        const salt = salts[Math.floor(number / epoch)];
        if (salt === undefined) throw new Error("no salt");
        sealChunk(fileKey(prk, fileNo, Math.floor(number / epoch), salt), number, number === count - 1, plain, sealed);
        let done = 0;
        for (const { position, length } of streamSegments(geometry, stream, sealed.length)) {
          writeSync(fd, sealed, done, length, position);
          done += length;
        }
        stream += sealed.length;
      }
    } else entries.push({ kind: "directory", path: planned.path });
  }
  ftruncateSync(fd, indexPosition({ part, stream }));
  closeSync(fd);
  const core = { v: 1, id: new Uint8Array(32), cipher: "A256GCM", ...geometry, stream, index: 4144 } as const;
  const header = { core, coreBytes: new Uint8Array(), coreHash: new Uint8Array(32), commit: new Uint8Array(32), slots: [] };
  return {
    file,
    prk,
    entries,
    async open() {
      const source = await openFileSource(file);
      const key = prk.slice();
      return {
        source,
        header,
        entries,
        prk: key,
        root: `sha256:${"0".repeat(64)}`,
        async close() {
          key.fill(0);
          await source.close();
        },
      };
    },
    position(path, number) {
      const entry = entries.find((candidate) => candidate.path === path);
      if (entry?.kind !== "file") throw new Error(`${path} is no file`);
      return streamPosition(geometry, entry.offset + number * (chunk + TAG_SIZE));
    },
  };
}

/** Bytes that look random and follow from a seed. */
export function bytesOf(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = (seed * 2654435761) >>> 0 || 1;
  for (let at = 0; at < length; at++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[at] = state;
  }
  return bytes;
}
