export { anchorByName, builtInAnchors, loadAnchors } from "./anchors.ts";
export { VerificationCache } from "./cache.ts";
export { type Collateral, formatBundle, parseBundle } from "./collateral.ts";
export type { CollateralSource } from "./collateral-source.ts";
export { readEvidence, type TdxEvidence } from "./evidence.ts";
export { parseQuote, type Quote } from "./quote.ts";
export { simulatedTdxAttester } from "./simulate/attester.ts";
export type { SimulatedKnobs } from "./simulate/knobs.ts";
export { SimulatedPlatform, type SimulatedQuoteOptions } from "./simulate/platform.ts";
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
