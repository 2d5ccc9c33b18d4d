import type { JsonObject, JsonValue } from "../../system/index.ts";
import type { Read } from "./tracking.ts";

/** Claims of one decision that are named at most. */
const MAXIMUM_CLAIMS = 64;
const MAXIMUM_TEXT = 256;
const MAXIMUM_NAME = 256;
/** Levels of a document that are looked through for what is not kept: as deep as the evidence in a token lies. */
const MAXIMUM_DEPTH = 5;

/**
 * What records do not keep, wherever it stands in what a policy reads (security.md I27): the text of init data, what a caller had hashed into
 * the report data, and the query of a request.
 */
export const NOT_KEPT: ReadonlySet<string> = new Set(["init_data_claims", "runtime_data_claims", "query"]);

/** What stands for it. */
const REDACTED = "(not kept)";

/** One claim that a policy read. */
export interface ClaimRead {
  /** the way to it in what the policy calls `input`, for example `tdx.quote.body.mr_td` */
  readonly name: string;
  /** absent where there was nothing to read, and where the value is not kept */
  readonly value?: string | number | boolean | null;
  /** true where there is a value that records do not keep */
  readonly withheld?: true;
}

/** @returns whether records keep nothing of what stands at a place */
function isNotKept(path: readonly string[]): boolean {
  return path.some((step) => NOT_KEPT.has(step));
}

/** @returns whether something was read that records do not keep */
export function readNotKept(reads: readonly Read[]): boolean {
  return reads.some(({ path, compound, found, kind }) => isNotKept(path) && kind === "member" && !compound && found !== null);
}

/** A copy of a document in which a mark stands for what records do not keep. */
export function redacted<T extends JsonObject>(document: T): T {
  return copy(document, 0) as T;
}

function copy(value: JsonObject, depth: number): JsonObject {
  if (depth > MAXIMUM_DEPTH) return value;
  let changed: Record<string, JsonValue> | undefined;
  for (const [key, member] of Object.entries(value)) {
    if (typeof member !== "object" || member === null || Array.isArray(member)) {
      if (member === null || !NOT_KEPT.has(key)) continue;
    }
    const next = NOT_KEPT.has(key) ? REDACTED : copy(member as JsonObject, depth + 1);
    if (next === member) continue;
    changed ??= { ...value };
    changed[key] = next;
  }
  return changed ?? value;
}

/**
 * The claims among what a policy read: scalars below `input`, and what was looked for there and is absent.
 *
 * @returns at most 64, texts of at most 256 characters; and how many there are besides
 */
export function claimsRead(reads: readonly Read[]): { readonly claims: readonly ClaimRead[]; readonly more: number } {
  const all = new Map<string, ClaimRead>();
  for (const { path, kind, found, compound } of reads) {
    const [root, ...steps] = path;
    if (root !== "input" || kind === "keys" || compound || steps.at(-1) === "length") continue;
    if (kind === "has" && found !== false) continue;
    const name = cut(nameOf(steps), MAXIMUM_NAME);
    if (all.has(name)) continue;
    if (kind === "has") all.set(name, { name });
    else if (isNotKept(steps) && found !== null) all.set(name, { name, withheld: true });
    else all.set(name, { name, value: typeof found === "string" ? cut(found, MAXIMUM_TEXT) : (found as number | boolean | null) });
  }
  return { claims: [...all.values()].slice(0, MAXIMUM_CLAIMS), more: Math.max(0, all.size - MAXIMUM_CLAIMS) };
}

/** As Rego writes it: `submods.cpu0["ear.status"]`. */
function nameOf(steps: readonly string[]): string {
  return steps.reduce((name, step) => {
    if (!/^[A-Za-z_]\w*$/.test(step)) return `${name}[${/^\d+$/.test(step) ? step : JSON.stringify(step)}]`;
    return name === "" ? step : `${name}.${step}`;
  }, "");
}

const cut = (text: string, most: number): string => (text.length <= most ? text : `${text.slice(0, most)}…`);
