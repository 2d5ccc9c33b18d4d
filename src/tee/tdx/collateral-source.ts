import type { TrustAnchor } from "../tee.ts";
import { anchorId } from "./anchors.ts";
import { pckAuthority } from "./chain.ts";
import type { Collateral } from "./collateral.ts";
import type { QuotedTee } from "./refusal.ts";
import { type AuthenticQuote, authenticateQuote } from "./verify.ts";

/** Which collateral a quote needs. Made from a quote whose own signatures hold, so nobody makes a trustee fetch for nothing (security.md I40). */
export interface CollateralRequest {
  readonly tee: QuotedTee;
  /** 12 lower-case hex digits */
  readonly fmspc: string;
  /** the authority that issued the PCK certificate, whose revocation list is needed (tdx.md §2.3) */
  readonly ca: "platform" | "processor";
  /** lower-case SHA-256 hex of the key of the anchor that the quote led to */
  readonly anchor: string;
  readonly simulated: boolean;
}

/** Gives the collateral that a request names. What it gives is verified afterwards, so it may come from anywhere. */
export type CollateralSource = (request: CollateralRequest) => Promise<Collateral> | Collateral;

/**
 * Which collateral a quote needs, for whoever gets it beforehand.
 *
 * @param bytes     a quote
 * @param pckChain  PEM of the chain of its machine, for a quote that carries none
 * @throws CaiError  as {@link authenticateQuote}: nothing is said of a quote that its own signatures do not carry
 */
export const collateralFor = (bytes: Uint8Array, anchors: readonly TrustAnchor[], now: number, pckChain?: string): CollateralRequest =>
  collateralRequest(authenticateQuote(bytes, pckChain, { anchors, now, expired: "report" }));

export function collateralRequest({ quote, chain }: AuthenticQuote): CollateralRequest {
  return {
    tee: quote.tee,
    fmspc: chain.facts.fmspc.toHex(),
    ca: pckAuthority(chain.intermediate),
    anchor: anchorId(chain.anchor.certificate),
    simulated: chain.anchor.simulated,
  };
}
