export { anchorByName, builtInAnchors, loadAnchors } from "./anchors.ts";
export { type TdxAttester, type TdxAttesterOptions, tdxAttester } from "./attest/attester.ts";
export { type TdxPaths, tdxPaths } from "./attest/paths.ts";
export { QUOTE_SOURCES, type QuoteSource, type QuoteSourceName } from "./attest/quote-source.ts";
export { VerificationCache } from "./cache.ts";
export { attributeClaims } from "./claims.ts";
export { authenticateCollateral } from "./collateral/authentic.ts";
export { CollateralCache } from "./collateral/cache.ts";
export { type CollateralClientOptions, collateralClient, metadataClient } from "./collateral/client.ts";
export { type ConfiguredOrigins, configuredOrigins, type OriginSurroundings } from "./collateral/configured-origins.ts";
export { type EvaluationNumbers, obtainEvaluationNumbers } from "./collateral/evaluation-numbers.ts";
export {
  type FileSet,
  fittingSets,
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
  type ObtainRequest,
  obtainCollateral,
  probeOrigin,
} from "./collateral/obtain.ts";
export { type CollateralOrigin, fileOrigin } from "./collateral/origin.ts";
export { obtainPckChain } from "./collateral/pck-chain.ts";
export { type CollateralUpdate, parseCollateralUpdate } from "./collateral/pcs.ts";
export { type CollateralSummary, parseCollateralSummaries, summarizeCollateral } from "./collateral/summary.ts";
export { type Collateral, formatBundle, parseBundle } from "./collateral.ts";
export { type CollateralRequest, type CollateralSource, collateralFor } from "./collateral-source.ts";
export type { ComponentLevel } from "./document-fields.ts";
export { readEvidence, type TdxEvidence } from "./evidence.ts";
export type { PckFacts } from "./pck.ts";
export type { QeIdentity } from "./qe-identity.ts";
export { parseQuote, type Quote } from "./quote.ts";
export { looksLikeQuote, type ShownField, showQuote } from "./quote-fields.ts";
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
export type { PlatformLevel, TcbInfo } from "./tcb-info.ts";
export { showTdreport, TDREPORT_SIZE } from "./tdreport-fields.ts";
export { readUnverifiedPck, readUnverifiedQeIdentity, readUnverifiedTcbInfo } from "./unverified.ts";
export { rfc3339 } from "./validity.ts";
export { type EvidenceOptions, sgxVerifier, type TdxVerifierOptions, tdxVerifier, verifyEvidence } from "./verifier.ts";
export { type QuoteVerdict, type VerifyOptions, verifyQuote } from "./verify.ts";
