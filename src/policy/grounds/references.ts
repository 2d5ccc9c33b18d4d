import type { JsonObject, JsonValue } from "../../system/index.ts";
import type { Read } from "./tracking.ts";

const MAXIMUM_REFERENCES = 64;
const MAXIMUM_NAME = 256;
const MAXIMUM_TEXT = 256;

/** One reference value that a policy asked for. */
export interface ConsultedReference {
  readonly name: string;
  /**
   * `matched`: the claim of that name is one of its values · `differs`: it is none of them · `absent`: there is no such reference value ·
   * `read`: no claim of that name was read, so what it was compared with is not known
   */
  readonly state: "matched" | "differs" | "absent" | "read";
  /** the claim of that name, where one was read and is none of the values */
  readonly got?: string | number | boolean;
  /** true where it is not matched and was asked for on the way to a rule that failed */
  readonly failed?: true;
}

/**
 * The reference values that a policy asked for, and how they compare with the claims of their names: the reference value `tdx.mr_td` is for the
 * claim `mr_td` of the platform `tdx`, wherever that stands among its claims.
 *
 * @param reads       what was read: of the claims below `input`, of the reference values below `data.reference`
 * @param references  reference values by name
 */
export function consultedReferences(reads: readonly Read[], references: JsonObject): ConsultedReference[] {
  const names = new Set(
    reads.flatMap(({ path: [root, document, name] }) => (root === "data" && document === "reference" ? (name ?? []) : [])),
  );
  return [...names].slice(0, MAXIMUM_REFERENCES).map((name) => {
    const got = claimFor(name, reads);
    const found = got === undefined ? {} : { got: typeof got === "string" ? got.slice(0, MAXIMUM_TEXT) : got };
    const shown = name.slice(0, MAXIMUM_NAME);
    if (!Object.hasOwn(references, name)) return { name: shown, state: "absent", ...found };
    if (got === undefined) return { name: shown, state: "read" };
    return allows(references[name]!, got) ? { name: shown, state: "matched" } : { name: shown, state: "differs", ...found };
  });
}

/** Marks those that were asked for on the way to what failed. */
export function markFailed(all: readonly ConsultedReference[], failed: readonly ConsultedReference[]): ConsultedReference[] {
  const names = new Set(failed.filter(({ state }) => state === "differs" || state === "absent").map(({ name }) => name));
  return all.map((one) => (names.has(one.name) && one.state !== "matched" ? { ...one, failed: true } : one));
}

function claimFor(name: string, reads: readonly Read[]): string | number | boolean | undefined {
  const at = name.indexOf(".");
  const platform = name.slice(0, at);
  const claim = name.slice(at + 1);
  for (const { path, kind, compound, found } of reads) {
    if (kind !== "member" || compound || found === null || found === undefined || !path.includes(platform)) continue;
    if (path[0] === "input" && path.at(-1) === claim) return found;
  }
  return undefined;
}

function allows(reference: JsonValue, got: string | number | boolean): boolean {
  return Array.isArray(reference) ? (reference as readonly JsonValue[]).includes(got) : reference === got;
}
