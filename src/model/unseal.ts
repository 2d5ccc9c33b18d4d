import { createHash } from "node:crypto";
import { closeSync, constants, openSync } from "node:fs";
import { join } from "node:path";
import { CaiError } from "../system/index.ts";
import type { Core } from "./core.ts";
import type { FileEntry } from "./entry.ts";
import { chunkCount } from "./layout.ts";
import { writeWhole } from "./output.ts";
import { openChunks } from "./read.ts";
import { attachFileSource, type BlockSource, errorCode } from "./source.ts";
import type { Station } from "./station.ts";

/** What every job on one artefact shares. */
export interface UnsealSetup {
  readonly prk: Uint8Array;
  readonly core: Core;
  /** the archive, where it is a local file; threads share its descriptor */
  readonly archive?: { readonly path: string; readonly fd: number; readonly size: number };
  /** the directory that plaintext goes to; absent where it is only checked */
  readonly into?: string;
  /** whether whole files are compared with the SHA-256 that the index has */
  readonly digest: boolean;
}

export type UnsealJob =
  /** whole files, which are made where there is a directory for them */
  | { readonly kind: "files"; readonly files: readonly FileEntry[] }
  /** the chunks `first` to `end - 1` of a file, which exists already where there is a directory */
  | { readonly kind: "chunks"; readonly file: FileEntry; readonly first: number; readonly end: number };

/** Plaintext on a disk is its owner's only. */
const FILE_MODE = 0o600;
const EXECUTABLE_MODE = 0o700;

/**
 * Opens the station that authenticates chunks, and writes those that hold.
 *
 * @param source  the archive; left out in a Worker, which reads the file that the setup names
 */
export async function openUnsealer(
  setup: UnsealSetup,
  progress: (bytes: number) => void,
  source?: BlockSource,
): Promise<Station<UnsealJob, undefined>> {
  const unsealer = new Unsealer(setup, source ?? archiveOf(setup), progress);
  return {
    async run(job) {
      if (job.kind === "chunks") await unsealer.chunks(job.file, job.first, job.end);
      else for (const file of job.files) await unsealer.file(file);
      return undefined;
    },
    end: async () => void setup.prk.fill(0),
  };
}

function archiveOf({ archive }: UnsealSetup): BlockSource {
  if (archive === undefined) throw new CaiError("internal.unexpected", "a worker was given no archive");
  return attachFileSource(archive.path, archive.fd, archive.size);
}

class Unsealer {
  readonly #setup: UnsealSetup;
  readonly #source: BlockSource;
  readonly #progress: (bytes: number) => void;

  constructor(setup: UnsealSetup, source: BlockSource, progress: (bytes: number) => void) {
    this.#setup = setup;
    this.#source = source;
    this.#progress = progress;
  }

  async file(file: FileEntry): Promise<void> {
    const hash = this.#setup.digest && file.digest !== undefined ? createHash("sha256") : undefined;
    const { into } = this.#setup;
    const output = into === undefined ? undefined : createOutput(into, file);
    try {
      await this.#open(file, 0, chunkCount(this.#setup.core, file.size), output, (plain) => hash?.update(plain));
    } finally {
      if (output !== undefined) closeSync(output);
    }
    const got = hash?.digest("hex");
    if (got === file.digest || got === undefined) return;
    throw new CaiError("model.digest-mismatch", `${file.path} is not what the index says`, { expected: file.digest!, got });
  }

  async chunks(file: FileEntry, first: number, end: number): Promise<void> {
    const { into } = this.#setup;
    const output = into === undefined ? undefined : openOutput(into, file, constants.O_WRONLY);
    try {
      await this.#open(file, first, end, output, () => {});
    } finally {
      if (output !== undefined) closeSync(output);
    }
  }

  async #open(file: FileEntry, first: number, end: number, output: number | undefined, taken: (plain: Uint8Array) => void) {
    let position = first * this.#setup.core.chunk;
    for await (const plain of openChunks({ source: this.#source, ...this.#setup }, file, first, end)) {
      taken(plain);
      if (output !== undefined) writeWhole(output, plain, position, file.path);
      position += plain.length;
      this.#progress(plain.length);
    }
  }
}

/** Makes a file that must not exist yet. @returns its descriptor */
export function createOutput(into: string, file: FileEntry): number {
  return openOutput(into, file, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL);
}

function openOutput(into: string, file: FileEntry, flags: number): number {
  try {
    return openSync(join(into, file.path), flags | constants.O_NOFOLLOW, file.executable ? EXECUTABLE_MODE : FILE_MODE);
  } catch (cause) {
    throw new CaiError("cli.output-failed", `${join(into, file.path)} cannot be written`, { got: errorCode(cause), cause });
  }
}
