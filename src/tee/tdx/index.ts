export { builtInAnchors, loadAnchors } from "./anchors.ts";
export { VerificationCache } from "./cache.ts";
export { type CollateralClientOptions, collateralClient, metadataClient } from "./collateral/client.ts";
export { type ConfiguredOrigins, configuredOrigins, type OriginSurroundings } from "./collateral/configured-origins.ts";
export {
  type CollateralAccess,
  collateralFrom,
  type ObtainedCollateral,
  obtainCollateral,
  probeOrigin,
} from "./collateral/obtain.ts";
export type { CollateralOrigin } from "./collateral/origin.ts";
export type { CollateralUpdate } from "./collateral/pcs.ts";
export { type Collateral, formatBundle, parseBundle } from "./collateral.ts";
export type { CollateralRequest, CollateralSource } from "./collateral-source.ts";
export { parseQuote, type Quote } from "./quote.ts";
export type { SimulatedKnobs } from "./simulate/knobs.ts";
export { SimulatedPlatform, type SimulatedQuoteOptions } from "./simulate/platform.ts";
export {
  createSimulatedTd,
  loadSimulatedTd,
  platformOf,
  type SimulatedTd,
  type SimulatedTdOptions,
  saveSimulatedTd,
  simulatedTdxAttester,
} from "./simulate/td.ts";
export type { TcbStanding, TcbStatus } from "./tcb.ts";
export { type TdxVerifierOptions, tdxVerifier } from "./verifier.ts";
export { type QuoteVerdict, type VerifyOptions, verifyQuote } from "./verify.ts";
