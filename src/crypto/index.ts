export { type Certificate, certificatePem, parseCertificate, parseCertificates } from "./certificate.ts";
export {
  buildCertificate,
  buildRevocationList,
  type CertificateTemplate,
  type RevocationListTemplate,
  type Sign,
} from "./certificate-builder.ts";
export { checkIssued, checkPlace, checkRevocationListIssuer, checkRevocationListSignature } from "./certificate-chain.ts";
export {
  decodeBase64,
  decodeBase64Tolerant,
  decodeBase64Url,
  decodeHex,
  encodeBase64,
  encodeBase64Url,
  encodeHex,
  withoutTrailingNuls,
} from "./encoding.ts";
export { sealFirstJwe } from "./first-jwe.ts";
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
} from "./jwk.ts";
export { parseRevocationList, type RevocationList } from "./x509/crl.ts";
export { contextTag, DerReader, TAG } from "./x509/der.ts";
export { encodeBoolean, encodeElement, encodeOctets, encodeOid, encodeSequence, encodeUnsigned } from "./x509/der-writer.ts";
export { EXTENSION, type Extension, type KeyPurpose, type KeyUsage, type SubjectAltName } from "./x509/extensions.ts";
export { decodePem, encodePem } from "./x509/pem.ts";
export { encodeP256PublicKey, importPublicKey, verifyP256 } from "./x509/public-key.ts";
