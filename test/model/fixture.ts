import { expect } from "bun:test";
import {
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statfsSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type EncryptOptions, type EncryptResult, encryptModel } from "../../src/model/encrypt.ts";
import { type OpenOptions, openArtefact } from "../../src/model/open.ts";
import { openFileSource } from "../../src/model/source.ts";
import { CaiError, type ErrorId } from "../../src/system/index.ts";

export const KEK = Uint8Array.from({ length: 32 }, (_, i) => 200 - i);

/** Memory-backed where there is room, so that a flush costs nothing. */
const FOLDER = existsSync("/dev/shm") && roomIn("/dev/shm") > 1024 ** 3 ? "/dev/shm" : tmpdir();

/** A fresh directory, gone at the end of the test that owns it. */
export function scratch(): { readonly path: string; [Symbol.dispose](): void } {
  const path = mkdtempSync(join(FOLDER, "cai-test-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** Bytes that look random and are the same in every run. */
export function noise(length: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0, state = seed >>> 0; i < length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

/** A tree with everything that the container carries: sizes around the block borders, names of many scripts, links of both kinds. */
export function makeTree(folder: string): string {
  const root = join(folder, "tree");
  const deep = join(root, "deep", ...Array.from({ length: 30 }, (_, i) => `level ${i}`));
  mkdirSync(deep, { recursive: true });
  mkdirSync(join(root, "empty directory"));
  mkdirSync(join(root, "模型"));
  writeFileSync(join(root, "empty"), "");
  for (const [number, size] of [1, 4095, 4096, 4097, 8192, 12289, 70_000].entries()) {
    writeFileSync(join(root, `size-${size}`), noise(size, number));
  }
  writeFileSync(join(root, "run.sh"), "#!/bin/sh\n", { mode: 0o755 });
  writeFileSync(join(root, "模型", "权重 ü \u{1F600}.bin"), noise(5000));
  writeFileSync(join(root, "模型", "\uffee after \u{10000}"), "order");
  writeFileSync(join(deep, "leaf"), "far down");
  linkSync(join(root, "size-8192"), join(root, "deep", "hard link"));
  symlinkSync("../size-4096", join(root, "模型", "link"));
  symlinkSync("deep", join(root, "to directory"));
  symlinkSync("dangling target", join(root, "dangling"));
  return root;
}

/** Encrypts with small blocks, parts and epochs, so that a small tree meets every border. */
export function encryptSmall(input: string, output: string, options: Partial<EncryptOptions> = {}): Promise<EncryptResult> {
  return encryptModel({ input, output, recipients: [{ kek: KEK }], chunk: 4096, epoch: 2, part: 7168, pad: "none", ...options });
}

export async function openSmall(path: string, options: Partial<OpenOptions> = {}) {
  const source = await openFileSource(path);
  try {
    return await openArtefact(source, { kek: KEK, slot: {}, roots: "unpinned", ...options });
  } catch (error) {
    await source.close();
    throw error;
  }
}

/** Runs `work` and expects a CaiError of that id. */
export async function refusal(id: ErrorId, work: () => unknown): Promise<CaiError> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof CaiError)) throw error;
    expect(error.id).toBe(id);
    return error;
  }
  throw new Error(`expected ${id}, but nothing was refused`);
}

/** What a directory holds, comparable by toEqual. */
export function snapshot(folder: string, path = ""): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name of readdirSync(join(folder, path))) {
    const inner = path === "" ? name : `${path}/${name}`;
    const full = join(folder, inner);
    const stat = lstatSync(full);
    if (stat.isDirectory()) Object.assign(found, { [inner]: "directory" }, snapshot(folder, inner));
    else if (stat.isSymbolicLink()) found[inner] = `-> ${readlinkSync(full)}`;
    else found[inner] = `${(stat.mode & 0o100) === 0 ? "file" : "program"} ${Bun.SHA256.hash(readFileSync(full), "hex")}`;
  }
  return found;
}

function roomIn(folder: string): number {
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize;
}
