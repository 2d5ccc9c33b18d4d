export { anchorByName, builtInAnchors, loadAnchors } from "./anchors.ts";
export { VerificationCache } from "./cache.ts";
export { authenticateCollateral } from "./collateral/authentic.ts";
export { CollateralCache } from "./collateral/cache.ts";
export { type CollateralClientOptions, collateralClient, metadataClient } from "./collateral/client.ts";
export { type ConfiguredOrigins, configuredOrigins, type OriginSurroundings } from "./collateral/configured-origins.ts";
export {
  type FileSet,
  formatCollateralFile,
  type LabelledSet,
  MAX_FILE as MAX_COLLATERAL_FILE,
  parseCollateralFile,
} from "./collateral/file.ts";
export { type HighWater, newestIssue } from "./collateral/high-water.ts";
export type { CollateralShelf, KeptSet } from "./collateral/kept-set.ts";
export {
  type CollateralAccess,
  collateralFrom,
  type ObtainedCollateral,
  obtainCollateral,
  probeOrigin,
} from "./collateral/obtain.ts";
export { type CollateralOrigin, fileOrigin } from "./collateral/origin.ts";
export { type CollateralUpdate, parseCollateralUpdate } from "./collateral/pcs.ts";
export { type CollateralSummary, parseCollateralSummaries, summarizeCollateral } from "./collateral/summary.ts";
export { type Collateral, formatBundle, parseBundle } from "./collateral.ts";
export { type CollateralRequest, type CollateralSource, collateralFor } from "./collateral-source.ts";
export { readEvidence, readQuote, type TdxEvidence } from "./evidence.ts";
export { parseQuote, type Quote } from "./quote.ts";
export { simulatedTdxAttester } from "./simulate/attester.ts";
export type { SimulatedKnobs } from "./simulate/knobs.ts";
export { simulatedPccs } from "./simulate/pccs.ts";
export { SimulatedPlatform } from "./simulate/platform.ts";
export type { SimulatedEnclaveOptions, SimulatedQuoteOptions } from "./simulate/signed-region.ts";
export { loadSimulatedTd, saveSimulatedTd, updateSimulatedTd } from "./simulate/state-file.ts";
export {
  createSimulatedTd,
  extendSimulatedTd,
  platformOf,
  type SimulatedTd,
  type SimulatedTdOptions,
  simulatedEventLog,
} from "./simulate/td.ts";
export { type Check, CheckReport } from "./steps.ts";
export { TCB_STATUS_CODES, type TcbStanding, type TcbStatus } from "./tcb.ts";
export { type EvidenceOptions, sgxVerifier, type TdxVerifierOptions, tdxVerifier, verifyEvidence } from "./verifier.ts";
export { type QuoteVerdict, type VerifyOptions, verifyQuote } from "./verify.ts";
