import { join } from "node:path";
import { appraise, compilePolicy, decideRelease } from "../../../policy/index.ts";
import { CaiError, type JsonObject } from "../../../system/index.ts";
import { POLICY_IN_FORCE } from "../policy-ids.ts";
import { CPU_PLATFORMS } from "../tee-class.ts";
import type { OldValue } from "./old-resources.ts";
import { folderEntries, readSourceText } from "./source-file.ts";

/** No policy is longer: its route takes no more. */
const MAX_POLICY = 1024 * 1024;
const EXTENSION = ".rego";
const ID = /^[A-Za-z0-9_-]{1,128}$/;

/** A policy file of an old installation. */
export interface OldPolicy {
  readonly id: string;
  readonly from: string;
  /**
   * @param now  seconds since 1970: a policy may ask for the time
   * @throws CaiError for what is no policy, and `trustee.import-insecure` for one that lets everybody in
   */
  read(now: number): string;
}

/** @returns the attestation policies in a folder, or in its subfolder `opa` where there is one (trustee.md §4.6) */
export function* attestationPoliciesIn(folder: string): Generator<OldPolicy> {
  for (const place of [folder, join(folder, "opa")]) {
    for (const entry of folderEntries(place)) {
      if (!entry.name.endsWith(EXTENSION)) continue;
      const from = join(place, entry.name);
      yield attestationPolicy(entry.name, from, () => readSourceText(from, MAX_POLICY));
    }
  }
}

/** @returns the attestation policy that a value of a key-value storage is; the one for processors is the one in force (trustee.md §4.6) */
export function attestationPolicyOf({ name, from, read }: OldValue): OldPolicy {
  const policy = attestationPolicy(name, from, () => textOf(read(), from));
  return policy.id === "default_cpu" ? { ...policy, id: POLICY_IN_FORCE } : policy;
}

/** @returns the resource policy in a file */
export function resourcePolicyIn(from: string): OldPolicy {
  return { id: POLICY_IN_FORCE, from, read: (now) => checkedResourcePolicy(readSourceText(from, MAX_POLICY), now) };
}

/** @returns the resource policy that a value of a key-value storage is */
export function resourcePolicyOf({ from, read }: OldValue): OldPolicy {
  return { id: POLICY_IN_FORCE, from, read: (now) => checkedResourcePolicy(textOf(read(), from), now) };
}

function attestationPolicy(name: string, from: string, text: () => string): OldPolicy {
  const id = name.endsWith(EXTENSION) ? name.slice(0, -EXTENSION.length) : name;
  return {
    id,
    from,
    read(now) {
      if (!ID.test(id))
        throw new CaiError("kbs.policy-id-invalid", "the policy id cannot be used", { expected: "letters, digits, `_` and `-`", got: id });
      return checkedAttestationPolicy(text(), now);
    },
  };
}

const PROBE = "import-probe-7f3d";
/** What no policy can have been written for: a name that nothing has, also in the repository that everybody uses, asked for with and without a query. */
const ASKED = [PROBE, "default"].flatMap((repository) =>
  [{}, { [PROBE]: PROBE }].flatMap((query) =>
    (["text", "segments"] as const).map((pathAs) => ({ plugin: "resource", path: [repository, PROBE, PROBE], query, pathAs })),
  ),
);

/** What an attestation service says of a machine that it trusts in nothing. */
const WORST = Object.fromEntries(
  ["instance-identity", "configuration", "executables", "file-system", "hardware", "runtime-opaque", "storage-opaque", "sourced-data"].map(
    (claim) => [claim, 99],
  ),
);

/** Tokens that must open nothing: one that says nothing, and those of machines that failed, or of which nothing was compared. */
const TOKENS: readonly JsonObject[] = [
  {},
  ...[...CPU_PLATFORMS].flatMap((tee) =>
    [
      { "ear.status": "contraindicated", "ear.trustworthiness-vector": WORST },
      { "ear.status": "none", "ear.trustworthiness-vector": {} },
    ].map((grade) => ({ submods: { cpu0: { ...grade, "ear.veraison.annotated-evidence": { [tee]: {} } } } })),
  ),
];

function checkedResourcePolicy(text: string, now: number): string {
  compilePolicy(text);
  const open = TOKENS.some((token) => ASKED.some((resource) => decideRelease({ policyText: text, token, resource, now }).allowed));
  if (!open) return text;
  throw new CaiError("trustee.import-insecure", "the policy releases secrets to machines that failed, or were not, attested", {
    hint: "Put one in force that asks for the grade: cai policy set resource --template affirming-plain",
  });
}

/** Evidence without anything that could be trusted. */
const EVIDENCE: readonly JsonObject[] = [{}, ...[...CPU_PLATFORMS].map((tee) => ({ [tee]: {} }))];

function checkedAttestationPolicy(text: string, now: number): string {
  compilePolicy(text);
  if (!EVIDENCE.some((evidence) => affirms(text, evidence, now))) return text;
  throw new CaiError("trustee.import-insecure", "the policy affirms machines whatever they measured", {
    hint: "Write one that compares with reference values: cai policy get attestation shows the one in force",
  });
}

function affirms(policyText: string, evidence: JsonObject, now: number): boolean {
  try {
    return appraise({ policyText, policyId: "import", evidence, floor: [], references: {}, now }).status === "affirming";
  } catch {
    // A policy that fails affirms nothing.
    return false;
  }
}

function textOf(bytes: Buffer, from: string): string {
  try {
    if (bytes.length <= MAX_POLICY) return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    // Said below.
  }
  throw new CaiError("trustee.import-unreadable", `${from} is not taken: expected UTF-8 of at most ${MAX_POLICY} bytes`);
}
