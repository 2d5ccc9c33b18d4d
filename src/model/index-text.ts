import { CaiError } from "../system/index.ts";
import { decodeBase64url, encodeBase64url } from "./base64url.ts";
import { type Core, show } from "./core.ts";
import type { FileEntry, IndexEntry } from "./entry.ts";
import { EPOCH_SALT_SIZE } from "./keys.ts";
import { epochCount, INDEX_BLOCK, roundUp, sealedSize } from "./layout.ts";
import { checkPath, checkTarget, comparePaths, parentOf } from "./path.ts";

const MEMBERS = {
  f: ["p", "t", "s", "o", "k", "h", "m", "mt", "r"],
  d: ["p", "t", "mt"],
  l: ["p", "t", "to", "mt"],
} as const;
const MAX_ENTRIES = 2 ** 32;
const SPACE = 0x20;

/** The index plaintext: JSON in UTF-8, padded with spaces to whole blocks of 4096 bytes (model-format.md §3.6). */
export function encodeIndex(entries: readonly IndexEntry[]): Uint8Array {
  const json = Buffer.from(JSON.stringify({ v: 1, files: entries.map(encodeEntry) }), "utf8");
  const padded = new Uint8Array(roundUp(json.length, INDEX_BLOCK)).fill(SPACE, json.length);
  padded.set(json);
  return padded;
}

function encodeEntry(entry: IndexEntry): object {
  const time = entry.mtime !== undefined && { mt: entry.mtime };
  if (entry.kind === "directory") return { p: entry.path, t: "d", ...time };
  if (entry.kind === "symlink") return { p: entry.path, t: "l", to: entry.target, ...time };
  return {
    p: entry.path,
    t: "f",
    s: entry.size,
    o: entry.offset,
    k: entry.salts.map(encodeBase64url),
    ...(entry.digest !== undefined && { h: entry.digest }),
    ...(entry.executable && { m: 1 }),
    ...time,
    ...(entry.linkOf !== undefined && { r: entry.linkOf }),
  };
}

/**
 * Reads an index plaintext and holds it to every rule of model-format.md §3.6: order, names, links, and places in the stream.
 *
 * @throws CaiError `model.index-invalid` naming the entry; `model.version-unsupported` for what only a newer reader knows
 */
export function parseIndex(bytes: Uint8Array, core: Core): IndexEntry[] {
  const files = parseEnvelope(bytes);
  const entries: IndexEntry[] = [];
  const directories = new Set<string>([""]);
  for (const value of files) {
    const entry = parseEntry(value, entries, core);
    const before = entries.at(-1);
    if (before !== undefined && comparePaths(before.path, entry.path) >= 0) {
      throw invalid(entries.length, "path", `a name after ${show(before.path)}, depth first and by bytes`, entry.path);
    }
    if (!directories.has(parentOf(entry.path))) throw invalid(entries.length, "path", "a name in a directory of the index", entry.path);
    if (entry.kind === "directory") directories.add(entry.path);
    entries.push(entry);
  }
  checkOverlaps(entries, core);
  return entries;
}

function parseEnvelope(bytes: Uint8Array): readonly unknown[] {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch (cause) {
    throw new CaiError("model.index-invalid", "the index is not JSON in UTF-8", { cause });
  }
  const { v, files, ...others } = Object(value) as { v?: unknown; files?: unknown };
  if (v !== 1) throw new CaiError("model.version-unsupported", "the index has another version", { expected: "1", got: show(v) });
  if (!Array.isArray(files) || files.length > MAX_ENTRIES || Object.keys(others).length > 0) {
    throw new CaiError("model.index-invalid", "the index is not an object of a version and a list of files");
  }
  return files;
}

function parseEntry(value: unknown, before: readonly IndexEntry[], core: Core): IndexEntry {
  const number = before.length;
  if (typeof value !== "object" || value === null) throw invalid(number, "entry", "an object", value);
  const item = value as Record<string, unknown>;
  const type = item["t"];
  if (type !== "f" && type !== "d" && type !== "l") throw invalid(number, "t", "f, d or l", type);
  checkMembers(item, type, number);
  const path = item["p"];
  if (typeof path !== "string" || !checkPath(path)) throw invalid(number, "p", "a relative path inside the root", path);
  const mtime = item["mt"];
  if (mtime !== undefined && !Number.isSafeInteger(mtime)) throw invalid(number, "mt", "whole seconds", mtime);
  const time = mtime !== undefined && { mtime: mtime as number };
  if (type === "d") return { kind: "directory", path, ...time };
  if (type === "f") return parseFile(item, path, time, before, core);
  const target = item["to"];
  if (typeof target !== "string" || !checkTarget(path, target)) throw invalid(number, "to", "a relative target inside the root", target);
  return { kind: "symlink", path, target, ...time };
}

function checkMembers(item: Record<string, unknown>, type: keyof typeof MEMBERS, number: number): void {
  const known: readonly string[] = MEMBERS[type];
  for (const member of Object.keys(item)) {
    if (known.includes(member)) continue;
    if (type === "f" && member === "x") {
      throw new CaiError("model.version-unsupported", `entry ${number} of the index is a sparse file, which this release does not read`);
    }
    throw invalid(number, member, "no such member", member);
  }
}

function parseFile(
  item: Record<string, unknown>,
  path: string,
  time: false | { mtime: number },
  before: readonly IndexEntry[],
  core: Core,
): FileEntry {
  const number = before.length;
  const size = natural(item, "s", number);
  const offset = natural(item, "o", number);
  const digest = item["h"];
  if (digest !== undefined && (typeof digest !== "string" || !/^[0-9a-f]{64}$/.test(digest))) {
    throw invalid(number, "h", "64 hex digits", digest);
  }
  if (item["m"] !== undefined && item["m"] !== 1) throw invalid(number, "m", "1 or nothing", item["m"]);
  if (sealedSize(core, size) > core.stream - offset) {
    throw invalid(number, "o", `a place where ${size} bytes end within the stream of ${core.stream}`, offset);
  }
  const file: FileEntry = {
    kind: "file",
    path,
    fileNo: number,
    size,
    offset,
    salts: parseSalts(item["k"], epochCount(core, size), number),
    ...(digest !== undefined && { digest }),
    executable: item["m"] === 1,
    ...time,
  };
  if (item["r"] === undefined) return file;
  const linkOf = natural(item, "r", number);
  const first = before[linkOf];
  const link: FileEntry = { ...file, fileNo: linkOf, linkOf };
  if (first?.kind !== "file" || first.linkOf !== undefined || !sameContent(first, link)) {
    throw invalid(number, "r", "the number of an earlier file with the same content", linkOf);
  }
  return link;
}

/** Two names of one file agree in everything but the name. */
function sameContent(first: FileEntry, link: FileEntry): boolean {
  return (
    first.size === link.size &&
    first.offset === link.offset &&
    first.digest === link.digest &&
    first.executable === link.executable &&
    first.mtime === link.mtime &&
    first.salts.every((salt, epoch) => Buffer.compare(salt, link.salts[epoch]!) === 0)
  );
}

function parseSalts(value: unknown, count: number, number: number): Uint8Array[] {
  if (!Array.isArray(value) || value.length !== count) throw invalid(number, "k", `${count} salts, one an epoch`, value);
  return value.map((text) => {
    const salt = typeof text === "string" ? decodeBase64url(text) : undefined;
    if (salt?.length !== EPOCH_SALT_SIZE) throw invalid(number, "k", `base64url of ${EPOCH_SALT_SIZE} bytes`, text);
    return salt;
  });
}

/** No two files share bytes of the stream, except as names of one. */
function checkOverlaps(entries: readonly IndexEntry[], core: Core): void {
  const files = entries.filter((entry) => entry.kind === "file").filter((file) => file.linkOf === undefined && file.size > 0);
  files.sort((a, b) => a.offset - b.offset);
  let end = 0;
  for (const file of files) {
    if (file.offset < end) throw invalid(file.fileNo, "o", `a place from ${end} on, behind another file`, file.offset);
    end = file.offset + sealedSize(core, file.size);
  }
}

function natural(item: Record<string, unknown>, member: string, number: number): number {
  const value = item[member];
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) throw invalid(number, member, "a whole number", value);
  return value;
}

function invalid(number: number, member: string, expected: string, got: unknown): CaiError {
  return new CaiError("model.index-invalid", `/files/${number}/${member} of the index is not valid`, { expected, got: show(got) });
}
