export { VerifierPool, type VerifierPoolOptions } from "./pool/verifier-pool.ts";
export type {
  Attester,
  Binding,
  Claims,
  FloorFacts,
  IdentifierKind,
  PlatformIdentifier,
  TeeClass,
  TeeName,
  TrustAnchor,
  Verifier,
} from "./tee.ts";
export { platformMembers } from "./tee.ts";
export { isTeeName, type VerifierOptions, verifiers } from "./verifiers.ts";
