export {
  type AdminGrant,
  type AdminIssuer,
  type AdminRequest,
  type AdminTokenExpectation,
  algorithmsOf,
  checkAdminToken,
  DEFAULT_ROLE,
  makeAdminToken,
} from "./admin-token.ts";
export {
  type ErrorInformation,
  type ErrorPlace,
  type ErrorVariant,
  encodeErrorAnswer,
  parseErrorInformation,
} from "./error-information.ts";
export { type InitDataClaims, readInitData } from "./init-data.ts";
export { parseJsonText } from "./json-text.ts";
export {
  checkBinding,
  encodeAttestation,
  encodeChallenge,
  encodeRequest,
  encodeTokenReply,
  type InitData,
  KBS_PREFIX,
  MESSAGE_LIMITS,
  parseAdditionalEvidence,
  parseAttestation,
  parseChallenge,
  parseRequest,
  parseTokenReply,
  type RcarAttestation,
  type RcarChallenge,
  type RcarRequest,
  rcarSchemas,
  SESSION_COOKIE,
} from "./messages.ts";
export { parseOlderAttestation } from "./older-attestation.ts";
export { PEER_FAMILIES, type PeerFamily } from "./peer-family.ts";
export { formatResourcePath, formatResourceUri, parseResourcePath, parseResourceUri, type ResourcePath } from "./resource-path.ts";
export {
  bodyContext,
  createResponseSigner,
  createResponseVerifier,
  KEYLESS_CONTEXT,
  keyContext,
  type ResponseSigner,
  type ResponseVerifier,
  SIGNATURE_HEADER,
  type SignedAnswer,
  signedBytes,
} from "./response-signature.ts";
export {
  DEFAULT_HASH,
  deviceRuntimeData,
  type EvidencePurpose,
  HASH_ALGORITHMS,
  type HashAlgorithm,
  isReservedReportData,
  parseRcarRuntimeData,
  purposeOf,
  type RcarBinding,
  rcarRuntimeData,
  readRuntimeData,
  reportDataOf,
  runtimeDataDigest,
} from "./runtime-data.ts";
export { parseTeeKey, type TeeKey, teeKeyJson } from "./tee-key.ts";
export {
  attestedKeyForRelease,
  type CaiTokenMember,
  EAR_PROFILE,
  type EarClaims,
  type EarSubmodule,
  PRIMARY_SUBMODULE,
  parseEarClaims,
  readUnverifiedClaims,
  type TokenExpectation,
  teeKeyInToken,
} from "./token.ts";
export { parseTrusteePin, type TrusteePin } from "./trustee-pin.ts";
export { isComposite, OLDER_VERSIONS, type OlderVersion, PROTOCOL_VERSION, PROTOCOL_VERSIONS, type ProtocolVersion } from "./versions.ts";
