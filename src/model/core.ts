import { CaiError } from "../system/index.ts";
import { decodeBase64url, encodeBase64url } from "./base64url.ts";
import { archiveSize, indexPlaintextSize, partCount, TAR_BLOCK } from "./layout.ts";

/** What fixes the layout and the keys of an artefact: the authenticated part of its header (model-format.md §3.3). */
export interface Core {
  readonly v: 1;
  /** 32 random bytes, public: the salt of every key of the artefact */
  readonly id: Uint8Array;
  readonly cipher: "A256GCM";
  /** bytes of plaintext a chunk: a power of two, 4096 to 4,194,304 */
  readonly chunk: number;
  /** chunks that share one key: 1 to 2^20 */
  readonly epoch: number;
  /** bytes of the stream a tar member: a multiple of 512, at most 4 GiB */
  readonly part: number;
  /** bytes of the whole ciphertext stream, padding included */
  readonly stream: number;
  /** bytes of the index member's body */
  readonly index: number;
}

export const ID_SIZE = 32;
const MIN_CHUNK = 4096;
const MAX_CHUNK = 4 * 1024 * 1024;
const MAX_EPOCH = 2 ** 20;
const MAX_PART = 4 * 1024 ** 3;
/** Member names have eight decimal digits (§3.1). */
const MAX_PARTS = 10 ** 8;
/** The index is parsed whole in memory, so its size is bounded: more than a million files fit. */
const MAX_INDEX = 512 * 1024 ** 2;

const MEMBERS = ["v", "id", "cipher", "chunk", "epoch", "part", "stream", "index"];

/** The core's bytes, in the member order of the specification. Their SHA-256 is the core hash that all keys hang on. */
export function encodeCore(core: Core): Uint8Array {
  const { v, id, cipher, chunk, epoch, part, stream, index } = core;
  return new TextEncoder().encode(JSON.stringify({ v, id: encodeBase64url(id), cipher, chunk, epoch, part, stream, index }));
}

/**
 * Reads a core from its bytes as carried, before anything is authenticated: every number is bounded here.
 *
 * @throws CaiError `model.version-unsupported` for another version or cipher, `model.header-invalid` for anything else
 */
export function parseCore(bytes: Uint8Array): Core {
  const value = parseObject(bytes, "core");
  if (value["v"] !== 1) {
    throw new CaiError("model.version-unsupported", "the artefact has another format version", { expected: "1", got: show(value["v"]) });
  }
  if (value["cipher"] !== "A256GCM") {
    throw new CaiError("model.version-unsupported", "the artefact uses another cipher", {
      expected: "A256GCM",
      got: show(value["cipher"]),
    });
  }
  for (const member of Object.keys(value)) {
    if (!MEMBERS.includes(member)) throw invalid(member, "no such member", member);
  }
  const core: Core = {
    v: 1,
    id: parseId(value["id"]),
    cipher: "A256GCM",
    chunk: whole(value, "chunk", MIN_CHUNK, MAX_CHUNK),
    epoch: whole(value, "epoch", 1, MAX_EPOCH),
    part: whole(value, "part", TAR_BLOCK, MAX_PART),
    stream: whole(value, "stream", 0, Number.MAX_SAFE_INTEGER),
    index: whole(value, "index", 0, MAX_INDEX),
  };
  checkGeometry(core);
  return core;
}

/** The rules that bind the numbers of a core together; a writer's settings pass through here too. */
export function checkGeometry(core: Core): void {
  if (!Number.isInteger(Math.log2(core.chunk)) || core.chunk < MIN_CHUNK || core.chunk > MAX_CHUNK) {
    throw invalid("chunk", `a power of two, ${MIN_CHUNK} to ${MAX_CHUNK}`, core.chunk);
  }
  if (!Number.isInteger(core.epoch) || core.epoch < 1 || core.epoch > MAX_EPOCH) throw invalid("epoch", `1 to ${MAX_EPOCH}`, core.epoch);
  if (core.part % TAR_BLOCK !== 0 || core.part < TAR_BLOCK || core.part > MAX_PART) {
    throw invalid("part", `a multiple of ${TAR_BLOCK}, at most ${MAX_PART}`, core.part);
  }
  if (partCount(core) > MAX_PARTS) throw invalid("stream", `at most ${MAX_PARTS} parts`, partCount(core));
  if (core.index > MAX_INDEX || indexPlaintextSize(core, core.index) === undefined) {
    throw invalid("index", `the sealed size of whole index blocks, at most ${MAX_INDEX} bytes`, core.index);
  }
  if (!Number.isSafeInteger(archiveSize(core))) throw invalid("stream", "an archive below 2^53 bytes", core.stream);
}

function parseId(value: unknown): Uint8Array {
  const id = typeof value === "string" ? decodeBase64url(value) : undefined;
  if (id?.length !== ID_SIZE) throw invalid("id", "base64url of 32 bytes", value);
  return id;
}

function whole(object: Record<string, unknown>, member: string, least: number, most: number): number {
  const value = object[member];
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < least || value > most) {
    throw invalid(member, `a whole number, ${least} to ${most}`, value);
  }
  return value;
}

/** Parses `bytes` as one JSON object in strict UTF-8. @throws CaiError `model.header-invalid` naming `place` */
export function parseObject(bytes: Uint8Array, place: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch (cause) {
    throw new CaiError("model.header-invalid", `the header's ${place} is not JSON in UTF-8`, { cause });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new CaiError("model.header-invalid", `the header's ${place} is not a JSON object`, { got: show(value) });
  }
  return value as Record<string, unknown>;
}

function invalid(member: string, expected: string, got: unknown): CaiError {
  return new CaiError("model.header-invalid", `/core/${member} is not valid`, { expected, got: show(got) });
}

/** A foreign value, short enough for an error. */
export function show(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
