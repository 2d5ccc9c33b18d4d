import { join } from "node:path";
import { appraise, compilePolicy, decideRelease } from "../../../policy/index.ts";
import { CaiError, type JsonObject } from "../../../system/index.ts";
import { POLICY_IN_FORCE } from "../policy-ids.ts";
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
  /** @throws CaiError for what is no policy, and `trustee.import-insecure` for one that lets everybody in */
  read(): string;
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
  return { id: POLICY_IN_FORCE, from, read: () => checkedResourcePolicy(readSourceText(from, MAX_POLICY)) };
}

/** @returns the resource policy that a value of a key-value storage is */
export function resourcePolicyOf({ from, read }: OldValue): OldPolicy {
  return { id: POLICY_IN_FORCE, from, read: () => checkedResourcePolicy(textOf(read(), from)) };
}

function attestationPolicy(name: string, from: string, text: () => string): OldPolicy {
  const id = name.endsWith(EXTENSION) ? name.slice(0, -EXTENSION.length) : name;
  return {
    id,
    from,
    read() {
      if (!ID.test(id))
        throw new CaiError("kbs.policy-id-invalid", "the policy id cannot be used", { expected: "letters, digits, `_` and `-`", got: id });
      return checkedAttestationPolicy(text());
    },
  };
}

/** A path that no policy can have been written for. */
const ELSEWHERE = ["import-probe-7f3d", "import-probe-7f3d", "import-probe-7f3d"];

/** What an attestation service says of a machine that it trusts in nothing. */
const WORST = Object.fromEntries(
  ["instance-identity", "configuration", "executables", "file-system", "hardware", "runtime-opaque", "storage-opaque", "sourced-data"].map(
    (claim) => [claim, 99],
  ),
);

/** Tokens that must open nothing: one that says nothing, and those of machines that failed. */
const TOKENS: readonly JsonObject[] = [
  {},
  ...["tdx", "snp", "csv", "sample"].map((tee) => ({
    submods: {
      cpu0: { "ear.status": "contraindicated", "ear.trustworthiness-vector": WORST, "ear.veraison.annotated-evidence": { [tee]: {} } },
    },
  })),
];

function checkedResourcePolicy(text: string): string {
  compilePolicy(text);
  const open = TOKENS.some(
    (token) => decideRelease({ policyText: text, token, resource: { plugin: "resource", path: ELSEWHERE, query: {} }, now: 0 }).allowed,
  );
  if (!open) return text;
  throw new CaiError("trustee.import-insecure", "the policy releases secrets to machines that failed, or were not, attested", {
    hint: "Put one in force that asks for the grade: cai policy set resource --template affirming-plain",
  });
}

/** Evidence without anything that could be trusted. */
const EVIDENCE: readonly JsonObject[] = [{}, ...["tdx", "snp", "csv", "sample"].map((tee) => ({ [tee]: {} }))];

function checkedAttestationPolicy(text: string): string {
  compilePolicy(text);
  if (!EVIDENCE.some((evidence) => affirms(text, evidence))) return text;
  throw new CaiError("trustee.import-insecure", "the policy affirms machines whatever they measured", {
    hint: "Write one that compares with reference values: cai policy get attestation shows the one in force",
  });
}

function affirms(policyText: string, evidence: JsonObject): boolean {
  try {
    return appraise({ policyText, policyId: "import", evidence, floor: [], references: {}, now: 0 }).status === "affirming";
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
