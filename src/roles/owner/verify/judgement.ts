import { type Appraisal, type AssuranceLevel, appraise, assurance, type FloorHit, floor } from "../../../policy/index.ts";
import { CaiError, type ErrorId, type JsonObject } from "../../../system/index.ts";
import { type Claims, platformMembers, type TrustAnchor } from "../../../tee/index.ts";
import { type Check, CheckReport, type CollateralSource, type TcbStatus, verifyEvidence } from "../../../tee/tdx/index.ts";
import { type EvidenceInput, readEvidenceInput } from "./evidence-input.ts";
import { compareReferences, type ReferenceDiff } from "./reference-diff.ts";

/** What evidence is verified with and what it is held against. */
export interface Demands {
  /** seconds since 1970 */
  readonly now: number;
  readonly anchors: readonly TrustAnchor[];
  readonly collateral: CollateralSource;
  readonly pckChain?: string;
  /** a log that came beside the evidence */
  readonly eventLog?: Uint8Array;
  /** 64 bytes */
  readonly reportData?: Uint8Array;
  readonly runtimeData?: JsonObject;
  readonly initData?: { readonly digest: Uint8Array; readonly claims: JsonObject };
  readonly allowSimulated: boolean;
  /** the standings to take besides `UpToDate`; undefined: none besides, or with a policy whatever it affirms */
  readonly acceptStatus?: readonly TcbStatus[];
  /** a Rego attestation policy */
  readonly policy?: { readonly name: string; readonly text: string };
  readonly references?: JsonObject;
}

/** The outcome of a verification, with everything that was looked at. */
export interface Judgement {
  readonly now: number;
  /** absent where the evidence is of no form that is known */
  readonly input?: EvidenceInput;
  /** the verifier's steps, then what the policy asks */
  readonly checks: readonly Check[];
  /** absent where the evidence is not authentic or current */
  readonly claims?: Claims;
  readonly level?: AssuranceLevel;
  readonly appraisal?: Appraisal;
  readonly references?: ReferenceDiff;
  /** the first check that failed; absent where all hold */
  readonly error?: CaiError;
}

/**
 * Verifies evidence and holds it against a policy: the verifier's every step, the floor, the platform's standing, reference values, and a Rego
 * attestation policy where there is one. What rejects the evidence is part of the result.
 *
 * @param bytes  the evidence in any form that {@link readEvidenceInput} knows
 * @throws CaiError for everything that is no rejection, for example collateral that cannot be read or fetched
 */
export async function judge(bytes: Uint8Array, demands: Demands): Promise<Judgement> {
  const { now } = demands;
  let input: EvidenceInput;
  try {
    input = withEventLog(readEvidenceInput(bytes), demands.eventLog);
  } catch (error) {
    const refused = rejection(error);
    const { id, expected, got } = refused;
    const check = { id: "tdx.evidence", what: "form of the evidence", ok: false, error: id, expected: expected ?? "", got: got ?? "" };
    return { now, checks: [check], error: refused };
  }
  const steps = new CheckReport();
  const claims = await verified(input, demands, steps);
  if (claims instanceof CaiError) return { now, input, checks: steps.checks, error: claims };
  if (claims.tee !== "tdx" && demands.eventLog !== undefined) {
    throw new CaiError("cli.usage", "an SGX quote has no registers that an event log leads to", { expected: "no --event-log" });
  }
  const policy = new PolicyChecks();
  const references = demands.references && compareReferences(claims.tee, claims.members, demands.references);
  const evidence = annotatedEvidence(claims, demands);
  const hits = checkFloor(claims, demands, policy);
  checkStatus(claims, demands, policy);
  if (references !== undefined && demands.policy === undefined) checkReferences(references, policy);
  const appraisal = demands.policy && checkAttestationPolicy(evidence, hits, demands.policy, demands, policy);
  return {
    now,
    input,
    claims,
    checks: [...steps.checks, ...policy.checks],
    level: assurance(evidence, demands.references ?? {}),
    ...(appraisal && { appraisal }),
    ...(references && { references }),
    ...(policy.error && { error: policy.error }),
  };
}

/** @returns the claims, or the error where it is a verdict on the evidence. @throws any other */
async function verified(input: EvidenceInput, demands: Demands, steps: CheckReport): Promise<Claims | CaiError> {
  const { now, anchors, collateral, pckChain, reportData, initData } = demands;
  const expected = { ...(reportData && { reportData }), ...(initData && { initData: initData.digest }) };
  const asked: CollateralSource = async (request) => {
    try {
      return await collateral(request);
    } catch (error) {
      // Where the sources answered, and none has what the manufacturer signed for this platform, nothing speaks for the evidence. Where none was
      // reached, there is no verdict.
      const refused = rejection(error);
      return steps.run("collateral", () => {
        throw refused;
      });
    }
  };
  const options = { now, anchors, collateral: asked, expired: "reject", steps, ...(pckChain !== undefined && { pckChain }) } as const;
  try {
    return await verifyEvidence(input.evidence, expected, options);
  } catch (error) {
    return rejection(error);
  }
}

function withEventLog(input: EvidenceInput, eventLog: Uint8Array | undefined): EvidenceInput {
  if (eventLog === undefined) return input;
  if (input.evidence.eventLog !== undefined)
    throw new CaiError("cli.usage", "the evidence has an event log of its own, beside --event-log");
  return { ...input, evidence: { ...input.evidence, eventLog } };
}

/** @returns the error where it is a verdict on the evidence. @throws any other */
function rejection(error: unknown): CaiError {
  if (error instanceof CaiError && error.exitCode === 3) return error;
  throw error;
}

/** The object that attestation policies read (trustee.md §5.2). */
export const annotatedEvidence = (claims: Claims, { runtimeData, initData }: Pick<Demands, "runtimeData" | "initData">): JsonObject => ({
  report_data: claims.reportData,
  runtime_data_claims: runtimeData ?? null,
  init_data: claims.initData,
  init_data_claims: initData?.claims ?? null,
  [claims.tee]: platformMembers(claims),
});

/** The checks of the policy. All are looked at, so that a reader sees each; the first that fails is the error. */
class PolicyChecks {
  readonly checks: Check[] = [];
  error: CaiError | undefined;

  add(id: ErrorId, what: string, ok: boolean, expected: string, got: string, hint?: string): void {
    this.checks.push({ id, what, ok, expected, got, ...(!ok && { error: id }) });
    if (!ok) this.error ??= new CaiError(id, `${what}: expected ${expected}, got ${got}`, { expected, got, ...(hint && { hint }) });
  }
}

/** The floor that holds under every policy (security.md §4), as far as evidence alone shows it. */
function checkFloor(claims: Claims, { allowSimulated, reportData }: Demands, policy: PolicyChecks): FloorHit[] {
  const world = claims.simulated && allowSimulated ? "simulated" : "production";
  const { debug, collateralExpiredFor, tcbStatus } = claims.floor;
  const bound = reportData !== undefined;
  const facts = { world, simulated: claims.simulated, debug, collateralExpiredFor, tcbStatus, bound } as const;
  const hits = floor({ ...facts, fresh: "none", purpose: "appraisal" });
  const missed = (id: ErrorId): boolean => hits.some((hit) => hit.id === id);
  const platform = claims.simulated ? "a simulated platform" : "a real platform";
  const wanted = allowSimulated ? "any platform" : "a real platform";
  const hint = "--allow-simulated takes it, where that is what you want to try out";
  policy.add("policy.simulated", "the platform", !missed("policy.simulated"), wanted, platform, hint);
  policy.add("policy.debug", "debug attributes", !missed("policy.debug"), "none", debug ? "one that is set" : "none");
  for (const { id, message } of hits) {
    if (id !== "policy.simulated" && id !== "policy.debug") policy.add(id, "floor", false, "no hit", message);
  }
  return hits;
}

/** Both the standing that counts and the one after a relaunch must be taken. */
function checkStatus({ members }: Claims, { acceptStatus, policy: rego }: Demands, policy: PolicyChecks): void {
  if (acceptStatus === undefined && rego !== undefined) return;
  const taken: readonly string[] = ["UpToDate", ...(acceptStatus ?? [])];
  const standings = [...new Set([String(members["tcb_status"]), String(members["tcb_status_current"])])];
  const refused = standings.find((status) => !taken.includes(status));
  const expected = [...new Set(taken)].join(" or ");
  policy.add("policy.tcb-status", "TCB status", refused === undefined, expected, refused ?? standings.join(", "), hintAbout(refused));
}

/** The catalogue's remedy is to update the machine, and here that was done. */
function hintAbout(refused: string | undefined): string | undefined {
  if (refused?.startsWith("TDRelaunchAdvised") !== true) return undefined;
  return "have the machine shut down and started again, under the TDX module that its host runs now, or take that standing: --accept-status";
}

function checkReferences({ equal, differ, missing, unproved }: ReferenceDiff, policy: PolicyChecks): void {
  const wrong = [...differ, ...missing, ...unproved].map(({ name }) => name);
  const got = wrong.length === 0 ? `${equal.length} equal` : `not so: ${wrong.join(", ")}`;
  policy.add("policy.reference-mismatch", "reference values", wrong.length === 0, "each measurement among its values", got);
}

function checkAttestationPolicy(
  evidence: JsonObject,
  hits: readonly FloorHit[],
  rego: NonNullable<Demands["policy"]>,
  { references = {}, now }: Demands,
  policy: PolicyChecks,
): Appraisal | undefined {
  const what = `attestation policy ${rego.name}`;
  try {
    const request = { policyText: rego.text, policyId: rego.name, evidence, floor: hits, references, now };
    const appraisal = appraise(request);
    const claims = Object.entries(appraisal.vector).map(([claim, value]) => `${claim} ${value}`);
    const affirmed = appraisal.status === "affirming";
    policy.add("policy.not-affirmed", what, affirmed, "affirming", `${appraisal.status} (${claims.join(", ")})`);
    return appraisal;
  } catch (error) {
    const { id, message } = rejection(error);
    policy.add(id, what, false, "a policy that can be evaluated", message);
    return undefined;
  }
}
