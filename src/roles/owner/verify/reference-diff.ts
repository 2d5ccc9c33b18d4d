import type { JsonObject, JsonValue } from "../../../system/index.ts";

/** One reference value beside what the evidence has. */
export interface Compared {
  readonly name: string;
  readonly allowed: JsonValue;
  /** undefined where the evidence has no such claim */
  readonly measured: JsonValue | undefined;
  /** true where only the event log says that the digests are of this part; whoever carried the log could name others so */
  readonly labelled?: true;
}

/** What reference values say of evidence, name by name. */
export interface ReferenceDiff {
  readonly equal: readonly Compared[];
  readonly differ: readonly Compared[];
  /** reference values for something that the evidence does not have */
  readonly missing: readonly Compared[];
  /** parts of the boot that the log calls by the name of a reference value with their digest, where no register proves the log's words */
  readonly unproved: readonly Compared[];
  /** measurements in the evidence that no reference value speaks of, and reference values of other platforms */
  readonly notCompared: readonly { readonly name: string; readonly measured?: JsonValue }[];
}

/** The claims that say what runs, by platform: these should have a reference value (trustee.md §5.7). */
const MEASUREMENTS: Readonly<Record<string, readonly string[]>> = {
  tdx: ["mr_td", "rtmr_0", "rtmr_1", "rtmr_2", "rtmr_3", "mr_config_id", "mr_owner", "mr_owner_config", "mr_seam", "tcb_svn", "xfam"],
  sgx: ["mr_enclave", "mr_signer", "isv_prod_id", "isv_svn", "config_id", "cpu_svn"],
};

/** Where these are the expected ones, so is every digest of the boot; otherwise any digest may be called by any name (docs/claims.md). */
const BOOT_REGISTERS = ["tdx.mr_td", "tdx.rtmr_0", "tdx.rtmr_1", "tdx.rtmr_2"];

const PLATFORM_NAME = /^(az-snp-vtpm|az-tdx-vtpm|csv|sgx|snp|tdx|tpm)\./;

/**
 * Compares the claims of verified evidence with reference values. A name is `<platform>.<claim>`; the claim is looked for where the platform has its
 * measurements, then anywhere in its claims by its path. Values are compared as policies do: exactly, with an array of allowed ones; anything but an
 * array allows nothing.
 *
 * @param tee         the platform's name
 * @param members     its claims
 * @param references  name to an array of allowed values
 */
export function compareReferences(tee: string, members: JsonObject, references: JsonObject): ReferenceDiff {
  const diff = { equal: [] as Compared[], differ: [] as Compared[], missing: [] as Compared[] };
  const notCompared: { name: string; measured?: JsonValue }[] = [];
  for (const [name, allowed] of Object.entries(references)) {
    if (PLATFORM_NAME.test(name) && !name.startsWith(`${tee}.`)) {
      notCompared.push({ name });
      continue;
    }
    const labelled = labelledDigests(members, name);
    if (labelled !== undefined) {
      const kind = labelled.every((digest) => isAllowed(digest, allowed)) ? "equal" : "differ";
      diff[kind].push({ name, allowed, measured: labelled, labelled: true });
      continue;
    }
    const measured = claimOf(members, name.startsWith(`${tee}.`) ? name.slice(tee.length + 1) : name);
    const kind = measured === undefined ? "missing" : isAllowed(measured, allowed) ? "equal" : "differ";
    diff[kind].push({ name, allowed, measured });
  }
  for (const claim of MEASUREMENTS[tee] ?? []) {
    const name = `${tee}.${claim}`;
    const measured = claimOf(members, claim);
    if (measured !== undefined && !Object.hasOwn(references, name)) notCompared.push({ name, measured });
  }
  const equalNames = diff.equal.map(({ name }) => name);
  const proved = BOOT_REGISTERS.every((name) => equalNames.includes(name));
  return {
    ...diff,
    equal: diff.equal.filter(({ labelled }) => proved || !labelled),
    unproved: diff.equal.filter(({ labelled }) => !proved && labelled),
    notCompared,
  };
}

/** The digests that the event log says to be of a part of the boot, for names like `measurement.kernel.SHA-384` (trustee.md §5.7). */
function labelledDigests(members: JsonObject, name: string): readonly JsonValue[] | undefined {
  const label = /^measurement\.(\w+)\.SHA-?384$/.exec(name)?.[1];
  const digests = label === undefined ? undefined : memberOf(members["unproved_labels"], label);
  return Array.isArray(digests) && digests.length > 0 ? (digests as readonly JsonValue[]) : undefined;
}

/** Where a platform's claims stand: what the quote's body says, what its header says, and what was found out about it. */
const PLACES: readonly (readonly string[])[] = [["quote", "body"], ["body"], ["quote", "header"], ["header"], []];

function claimOf(members: JsonObject, claim: string): JsonValue | undefined {
  for (const place of PLACES) {
    const holder = place.reduce<JsonValue | undefined>(memberOf, members);
    const found = memberOf(holder, claim) ?? claim.split(".").reduce<JsonValue | undefined>(memberOf, holder);
    if (found !== undefined) return found;
  }
  return undefined;
}

function memberOf(value: JsonValue | undefined, name: string): JsonValue | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value) || !Object.hasOwn(value, name)) return undefined;
  return (value as JsonObject)[name];
}

function isAllowed(measured: JsonValue, allowed: JsonValue): boolean {
  return Array.isArray(allowed) && allowed.some((value: JsonValue) => JSON.stringify(value) === JSON.stringify(measured));
}
