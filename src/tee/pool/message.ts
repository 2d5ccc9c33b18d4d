import { CaiError, type JsonValue } from "../../system/index.ts";
import type { TrustAnchor } from "../tee.ts";
import type { SignedTee, VerifierOptions } from "../verifiers.ts";

/** What a verifier is told once: those of its options that are data. What it gets from a function, it asks the pool for. */
export type VerifierSettings = { readonly [Tee in SignedTee]?: Omit<VerifierOptions[Tee], "collateral" | "cache"> };

/** One piece of evidence to verify. */
export interface Job {
  readonly tee: SignedTee;
  readonly evidence: JsonValue;
  readonly reportData: Uint8Array | undefined;
  readonly initData: Uint8Array | undefined;
  /** seconds since 1970 */
  readonly now: number;
}

/** An error on its way between threads: what it says, without its cause. */
export type CarriedError = ReturnType<CaiError["toJSON"]>;

/** The error that arrived. */
export const receivedError = (error: CarriedError): CaiError => new CaiError(error.id, error.message, error);

/** What a verifier asks its source of collateral: it does so only for evidence that is authentic (security.md I40). */
export interface CollateralNeed {
  readonly tee: SignedTee;
  readonly request: object;
}

/** What was answered to a need before, and taken again to save asking: the pool has to see whether it is still what the source gives. */
export interface UsedCollateral extends CollateralNeed {
  /** names the content */
  readonly version: string;
}

/** What the pool says to a worker. */
export type ToWorker =
  | { readonly kind: "settings"; readonly settings: VerifierSettings }
  | { readonly kind: "anchors"; readonly number: number; readonly anchors: readonly TrustAnchor[] }
  /** the anchors of that number were sent before */
  | { readonly kind: "job"; readonly job: number; readonly anchors: number; readonly work: Job }
  | ({
      readonly kind: "collateral";
      /** which job waits for it; undefined where a job follows that will need it */
      readonly job: number | undefined;
      /** names the content; where the worker does not have that yet, it comes along */
      readonly version: string;
      readonly value?: object;
      /** a version that will not be named again */
      readonly forget?: string;
    } & CollateralNeed)
  | { readonly kind: "no collateral"; readonly job: number; readonly error: CarriedError };

/** What a worker says to the pool. */
export type FromWorker =
  /** the answer to the settings */
  | { readonly kind: "ready" }
  | ({ readonly kind: "need"; readonly job: number } & CollateralNeed)
  | ({ readonly kind: "verdict"; readonly job: number; readonly used: UsedCollateral | undefined } & Verdict);

/** Claims as JSON text, which is faster to hand over than many objects; or an error. */
export type Verdict = { readonly claims: string } | { readonly error: CarriedError };
