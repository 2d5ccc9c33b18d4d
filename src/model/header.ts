import { CaiError } from "../system/index.ts";
import { decodeBase64url, encodeBase64url } from "./base64url.ts";
import { type Core, parseCore, parseObject, show } from "./core.ts";
import { hashCore, KEY_SIZE, NONCE_SIZE } from "./keys.ts";
import { archiveSize, HEADER_POSITION, HEADER_SIZE, TAG_SIZE } from "./layout.ts";
import { type BlockSource, truncated } from "./source.ts";

/** A slot that holds the data key wrapped under a 32-byte key (model-format.md §3.3). */
export interface WrappedSlot {
  readonly alg: "A256GCMKW";
  /** the KBS resource that the key is, as carried; absent for a key file. Names the resource's path only, never a server */
  readonly uri?: string;
  /** 16 hex digits that name the key's generation */
  readonly kid?: string;
  readonly nonce: Uint8Array;
  /** the wrapped key and its tag, 48 bytes */
  readonly wrapped: Uint8Array;
}

/** A slot of a kind that this program does not open. Others of the same artefact may still serve. */
interface UnknownSlot {
  readonly alg: string;
  readonly unknown: true;
}

export type Slot = WrappedSlot | UnknownSlot;

/** The clear part of an artefact. Nothing of it is authenticated before a key has opened a slot and the commitment held. */
export interface Header {
  readonly core: Core;
  /** the core as carried; the hash is over these bytes */
  readonly coreBytes: Uint8Array;
  readonly coreHash: Uint8Array;
  readonly commit: Uint8Array;
  readonly slots: readonly Slot[];
  /** for people only: never acted upon */
  readonly hint?: unknown;
}

const MEMBERS = ["cai", "core", "commit", "slots", "hint"];
const SLOT_MEMBERS = ["alg", "uri", "kid", "n", "w"];
const SPACE = 0x20;
const LF = 0x0a;

/**
 * Reads and parses the clear header; needs no key.
 *
 * @throws CaiError `model.truncated`, `model.header-invalid`, `model.version-unsupported`, or what the source throws
 */
export async function readHeader(source: BlockSource): Promise<Header> {
  if (source.size < HEADER_POSITION + HEADER_SIZE) throw truncated("the artefact", HEADER_POSITION + HEADER_SIZE, source.size);
  const bytes = new Uint8Array(HEADER_SIZE);
  await source.read(HEADER_POSITION, bytes);
  const header = parseHeader(bytes);
  const size = archiveSize(header.core);
  if (source.size < size) throw truncated("the artefact", size, source.size);
  return header;
}

/** @param bytes  the body of `cai-model.json`, exactly 16,384 bytes */
export function parseHeader(bytes: Uint8Array): Header {
  if (bytes.length !== HEADER_SIZE || bytes[HEADER_SIZE - 1] !== LF) {
    throw new CaiError("model.header-invalid", "the file does not start with the header of an encrypted model", {
      expected: `${HEADER_SIZE} bytes of JSON, ending in a line feed`,
    });
  }
  const value = parseObject(bytes, "text");
  if (value["cai"] !== "model") throw invalid("/cai", `"model"`, value["cai"]);
  for (const member of Object.keys(value)) if (!MEMBERS.includes(member)) throw invalid(`/${member}`, "no such member", member);
  const coreBytes = bytesAt(value, "core", "");
  if (!Array.isArray(value["slots"]) || value["slots"].length === 0) throw invalid("/slots", "at least one slot", value["slots"]);
  return {
    core: parseCore(coreBytes),
    coreBytes,
    coreHash: hashCore(coreBytes),
    commit: bytesAt(value, "commit", "", KEY_SIZE),
    slots: value["slots"].map(parseSlot),
    ...(value["hint"] !== undefined && { hint: value["hint"] }),
  };
}

/**
 * The body of `cai-model.json`: padded with spaces to its fixed size.
 *
 * @throws CaiError `model.input-unsupported` where slots and hint do not fit
 */
export function encodeHeader(header: {
  coreBytes: Uint8Array;
  commit: Uint8Array;
  slots: readonly WrappedSlot[];
  hint?: unknown;
}): Uint8Array {
  const json = JSON.stringify({
    cai: "model",
    core: encodeBase64url(header.coreBytes),
    commit: encodeBase64url(header.commit),
    slots: header.slots.map(({ alg, uri, kid, nonce, wrapped }) => ({
      alg,
      ...(uri !== undefined && { uri }),
      ...(kid !== undefined && { kid }),
      n: encodeBase64url(nonce),
      w: encodeBase64url(wrapped),
    })),
    ...(header.hint !== undefined && { hint: header.hint }),
  });
  const text = new TextEncoder().encode(json);
  if (text.length >= HEADER_SIZE) {
    throw new CaiError("model.input-unsupported", "slots and hint do not fit into the header", {
      expected: `less than ${HEADER_SIZE} bytes`,
      got: `${text.length} bytes`,
    });
  }
  const bytes = new Uint8Array(HEADER_SIZE).fill(SPACE);
  bytes.set(text);
  bytes[HEADER_SIZE - 1] = LF;
  return bytes;
}

function parseSlot(value: unknown, number: number): Slot {
  const place = `/slots/${number}`;
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw invalid(place, "an object", value);
  const slot = value as Record<string, unknown>;
  const alg = slot["alg"];
  if (typeof alg !== "string") throw invalid(`${place}/alg`, "a string", alg);
  if (alg !== "A256GCMKW") return { alg, unknown: true };
  for (const member of Object.keys(slot)) {
    if (!SLOT_MEMBERS.includes(member)) throw invalid(`${place}/${member}`, "no such member", member);
  }
  const uri = slot["uri"];
  if (uri !== undefined && (typeof uri !== "string" || resourcePath(uri) === undefined)) {
    throw invalid(`${place}/uri`, "kbs:///<repository>/<type>/<tag>", uri);
  }
  const kid = slot["kid"];
  if (kid !== undefined && (typeof kid !== "string" || !/^[0-9a-f]{16}$/.test(kid))) throw invalid(`${place}/kid`, "16 hex digits", kid);
  return {
    alg,
    ...(uri !== undefined && { uri }),
    ...(kid !== undefined && { kid }),
    nonce: bytesAt(slot, "n", place, NONCE_SIZE),
    wrapped: bytesAt(slot, "w", place, KEY_SIZE + TAG_SIZE),
  };
}

/**
 * The resource path `repository/type/tag` of a KBS address (trustee.md: letters, digits, `_`, `-`, and `.` but not in front). Its host part is ignored, as the file that names it is not trusted (I29).
 *
 * @returns undefined where `uri` is no such address
 */
export function resourcePath(uri: string): string | undefined {
  return /^kbs:\/\/[^/]*\/((?:[\w-][\w.-]*\/){2}[\w-][\w.-]*)$/.exec(uri)?.[1];
}

function bytesAt(object: Record<string, unknown>, member: string, place: string, length?: number): Uint8Array {
  const value = object[member];
  const bytes = typeof value === "string" ? decodeBase64url(value) : undefined;
  if (bytes === undefined || (length !== undefined && bytes.length !== length)) {
    throw invalid(`${place}/${member}`, length === undefined ? "base64url" : `base64url of ${length} bytes`, value);
  }
  return bytes;
}

function invalid(place: string, expected: string, got: unknown): CaiError {
  return new CaiError("model.header-invalid", `${place} of the header is not valid`, { expected, got: show(got) });
}
