export { concatKdf } from "./concat-kdf.ts";
export {
  decodeBase64,
  decodeBase64Tolerant,
  decodeBase64Url,
  decodeHex,
  encodeBase64,
  encodeBase64Url,
  encodeHex,
} from "./encoding.ts";
export { jcs } from "./jcs.ts";
export { type FlattenedJwe, type OpenedJwe, openJwe, sealJwe } from "./jwe.ts";
export {
  type EcCurve,
  type EcPublicJwk,
  jwkThumbprint,
  type OkpPublicJwk,
  type PublicJwk,
  parsePublicJwk,
  publicJwkOf,
  publicKeyOf,
  type RsaPublicJwk,
  sameKey,
} from "./jwk.ts";
export { unwrapKey, wrapKey } from "./key-wrap.ts";
