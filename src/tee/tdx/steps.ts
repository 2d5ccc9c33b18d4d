import { CaiError, type JsonObject } from "../../system/index.ts";
import type { QuotedTee } from "./refusal.ts";

/** The steps of a verification in the order in which they are reported, and what each looks at (tdx.md §2.2). */
export const STEPS = {
  "quote-format": "structure of the quote",
  "pck-chain": "certificate chain of the machine's key (PCK) up to a trust anchor",
  "qe-report": "report of the quoting enclave: signed by the machine's key, and speaking for the attestation key",
  "quote-signature": "signature of the quote by the attestation key",
  "report-data": "report data in the quote",
  "init-data": "digest of the init data in the quote",
  "event-log": "event log replayed against the measurement registers",
  collateral: "what the manufacturer says about this kind of platform",
  "root-ca-crl": "revocation list of the root",
  "pck-crl": "revocation list of the authority that certified the machine",
  "pck-crl-issuer-chain": "certificates delivered with that list",
  "intermediate-ca-revocation": "the authority that certified the machine is not revoked",
  "pck-revocation": "the machine's key is not revoked",
  "tcb-info": "TCB info: its signer and that it is not revoked, signature, form",
  "qe-identity": "identity of the quoting enclave: its signer and that it is not revoked, signature, form",
  validity: "dates of all certificates, lists and documents",
  "tcb-info-platform": "the TCB info is of this platform",
  "tdx-module": "identity of the TDX module at launch",
  "qe-identity-match": "the quoting enclave is the one of the identity",
  "tcb-qe": "security version of the quoting enclave",
  "tcb-platform": "security versions of the platform",
  "tcb-module": "security version of the TDX module at launch",
  "tcb-platform-current": "security versions of the platform, with the TDX module that runs now",
  "tcb-module-current": "security version of the TDX module that runs now",
  "tcb-status": "standing of all of it together",
} as const;

export type Step = keyof typeof STEPS;

/** What a step found, for people and programs. */
export interface Finding {
  readonly expected?: string;
  readonly got?: string;
  /** the details, by names in snake case */
  readonly facts?: JsonObject;
}

/** One line of the report. */
export interface Check extends Finding {
  /** `<tee>.<step>` */
  readonly id: string;
  readonly what: string;
  readonly ok: boolean;
  /** the error's id where the step failed */
  readonly error?: string;
  /** false where an earlier step failed, so that this one was not tried */
  readonly reached?: false;
}

/** What runs the steps of a verification. The step itself is the check; whoever runs it can only listen. */
export interface Steps {
  /** Tells which steps will be run, as soon as that is known. */
  plan(tee: QuotedTee, steps: readonly Step[]): void;
  /**
   * @param verify  the check: its value is returned, its error thrown on
   * @param find    what to report of its value, or of its inputs where it threw; not called where nobody listens
   */
  run<T>(step: Step, verify: () => T, find?: (value: T | undefined) => Finding): T;
}

/** Runs steps and reports nothing. */
export const unreported: Steps = { plan: () => {}, run: (_, verify) => verify() };

/** Runs steps and keeps what each found. One report is for one verification. */
export class CheckReport implements Steps {
  readonly #done = new Map<Step, Omit<Check, "id" | "what">>();
  #tee: QuotedTee = "tdx";
  #planned: readonly Step[] = [];
  #failed = false;

  plan(tee: QuotedTee, steps: readonly Step[]): void {
    this.#tee = tee;
    this.#planned = steps;
  }

  run<T>(step: Step, verify: () => T, find: (value: T | undefined) => Finding = () => ({})): T {
    let value: T;
    try {
      value = verify();
    } catch (error) {
      if (error instanceof CaiError) this.#fail(step, error, find(undefined));
      throw error;
    }
    this.#done.set(step, { ok: true, ...find(value) });
    return value;
  }

  /** All steps in their order: those that ran, of which only the last may have failed, and after a failure those that were planned and not reached. */
  get checks(): readonly Check[] {
    const named = (step: Step, rest: Omit<Check, "id" | "what">): Check => ({ id: `${this.#tee}.${step}`, what: STEPS[step], ...rest });
    const missing = this.#failed ? this.#planned.filter((step) => !this.#done.has(step)) : [];
    return [
      ...[...this.#done].map(([step, rest]) => named(step, rest)),
      ...missing.map((step) => named(step, { ok: false, reached: false })),
    ];
  }

  #fail(step: Step, { id, expected, got }: CaiError, { facts }: Finding): void {
    this.#failed = true;
    // Before the quote is taken apart, only the error says of which kind it is.
    if (id.startsWith("sgx.")) this.#tee = "sgx";
    this.#done.set(step, {
      ok: false,
      error: id,
      ...(expected !== undefined && { expected }),
      ...(got !== undefined && { got }),
      ...(facts !== undefined && { facts }),
    });
  }
}

/** The steps of one kind of quote, with those that look at something the caller brings only where it does. */
export function plannedSteps(tee: QuotedTee, brought: { reportData: boolean; initData: boolean; eventLog: boolean }): Step[] {
  return (Object.keys(STEPS) as Step[]).filter((step) => {
    // It is no check of the evidence: told of only where there is none, by whoever asked for it.
    if (step === "collateral") return false;
    if (step === "report-data") return brought.reportData;
    if (step === "init-data") return brought.initData;
    if (step === "event-log") return brought.eventLog && tee === "tdx";
    if (step === "tdx-module" || step === "tcb-module") return tee === "tdx";
    // Only reports of TDX 1.5 have a second evaluation.
    return !step.endsWith("-current");
  });
}
