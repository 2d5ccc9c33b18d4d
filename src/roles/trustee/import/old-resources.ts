import { join } from "node:path";
import { decodeBase64Tolerant } from "../../../crypto/index.ts";
import { formatResourcePath, parseResourcePath } from "../../../protocol/index.ts";
import { CaiError } from "../../../system/index.ts";
import { DEFAULT_BODY } from "../route.ts";
import type { KeyValueSource, ResourceSource } from "./installation.ts";
import { folderEntries, readSourceFile, readSourceText } from "./source-file.ts";

/** A storage in one file is read whole. */
const MAX_JSON_STORAGE = 64 * 1024 * 1024;
/** The four characters that stand for a slash in the names of files (trustee.md §3.2). */
const SLASH = "\\x2F";

/** One value of an old installation; `read` throws where it cannot be taken. */
export interface OldValue {
  /** its name, or what stands where a name should be */
  readonly name: string;
  readonly from: string;
  /** @returns its bytes, which the caller overwrites */
  read(): Buffer;
}

/** @returns the secrets of a source, one at a time; `read` checks names, kinds of files and sizes */
export function* oldResources(source: ResourceSource): Generator<OldValue> {
  const values = source.layout === "tree" ? treeValues(source.folder) : namespaceValues(source.storage, "repository");
  for (const value of values) yield { ...value, read: () => resourceOf(value) };
}

function resourceOf({ name, read }: OldValue): Buffer {
  if (formatResourcePath(parseResourcePath(name)) !== name)
    throw new CaiError("kbs.path-invalid", `not a resource name: ${JSON.stringify(name)}`);
  return read();
}

/** What lies in a tree of repositories, types and tags. Links are not followed, and nothing below a tag is looked at. */
function* treeValues(folder: string, path: readonly string[] = []): Generator<OldValue> {
  for (const entry of folderEntries(folder)) {
    const inner = [...path, entry.name];
    const place = join(folder, entry.name);
    if (inner.length < 3 && entry.isDirectory()) yield* treeValues(place, inner);
    else yield { name: inner.join("/"), from: place, read: () => readSourceFile(place, DEFAULT_BODY) };
  }
}

/** @returns the values of a namespace, one at a time */
export function* namespaceValues({ form, folder }: KeyValueSource, namespace: string): Generator<OldValue> {
  if (form === "files") {
    const place = join(folder, namespace);
    for (const entry of folderEntries(place)) {
      const from = join(place, entry.name);
      yield { name: entry.name.replaceAll(SLASH, "/"), from, read: () => readSourceFile(from, DEFAULT_BODY) };
    }
    return;
  }
  const from = join(folder, `${namespace}.json`);
  for (const [name, value] of Object.entries(jsonStorage(from))) {
    yield { name, from, read: () => decoded(value, from) };
  }
}

function jsonStorage(path: string): Record<string, unknown> {
  let text: string;
  try {
    text = readSourceText(path, MAX_JSON_STORAGE);
  } catch (error) {
    if (error instanceof CaiError && error.got === "ENOENT") return {};
    throw error;
  }
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // Said below: the parser quotes what it found, and that may be a secret.
  }
  throw new CaiError("trustee.import-unreadable", `${path} is not taken: it holds no JSON object of names and values`);
}

function decoded(value: unknown, path: string): Buffer {
  try {
    if (typeof value !== "string") throw new Error("no text");
    const bytes = Buffer.from(decodeBase64Tolerant(value));
    if (bytes.length > DEFAULT_BODY) throw new Error("too long");
    return bytes;
  } catch {
    throw new CaiError("trustee.import-unreadable", `a value in ${path} is not taken: expected at most ${DEFAULT_BODY} bytes in base64url`);
  }
}
