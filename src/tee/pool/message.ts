import { CaiError, type JsonValue } from "../../system/index.ts";
import type { TeeName, TrustAnchor } from "../tee.ts";
import type { VerifierOptions } from "../verifiers.ts";

/** What a verifier is told once: those of its options that are data. What it gets from a function, it asks the pool for. */
export type VerifierSettings = { readonly [Tee in TeeName]?: Omit<VerifierOptions[Tee], "collateral" | "cache"> };

/** One piece of evidence to verify. */
export interface Job {
  readonly tee: TeeName;
  readonly evidence: JsonValue;
  readonly reportData: Uint8Array;
  readonly initData: Uint8Array | undefined;
  /** seconds since 1970 */
  readonly now: number;
}

/** An error on its way between threads: what it says, without its cause. */
export type CarriedError = ReturnType<CaiError["toJSON"]>;

/** The error that arrived. */
export const receivedError = (error: CarriedError): CaiError => new CaiError(error.id, error.message, error);

/** What the pool says to a worker. */
export type ToWorker =
  | { readonly kind: "settings"; readonly settings: VerifierSettings }
  | { readonly kind: "anchors"; readonly number: number; readonly anchors: readonly TrustAnchor[] }
  /** the anchors of that number were sent before */
  | { readonly kind: "job"; readonly job: number; readonly anchors: number; readonly work: Job }
  | {
      readonly kind: "collateral";
      readonly need: number;
      /** names the content; where the worker does not have that yet, it comes along */
      readonly version: string;
      readonly value?: object;
      /** a version that will not be named again */
      readonly forget?: string;
    }
  | { readonly kind: "no collateral"; readonly need: number; readonly error: CarriedError };

/** What a worker says to the pool. */
export type FromWorker =
  /** the answer to the settings */
  | { readonly kind: "ready" }
  /** JSON text, which is faster to hand over than many objects */
  | { readonly kind: "claims"; readonly job: number; readonly claims: string }
  | { readonly kind: "error"; readonly job: number; readonly error: CarriedError }
  /** what a verifier asks of its source of collateral */
  | { readonly kind: "need"; readonly need: number; readonly tee: TeeName; readonly request: object };
