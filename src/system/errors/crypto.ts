import type { CatalogueEntry } from "./entry.ts";

export const cryptoErrors = {
  "crypto.encoding-invalid": {
    exit: 1,
    cause: "A text is not in the base64 or hexadecimal form that its place requires.",
    remedy: "Check that the text was copied whole and comes from the intended source.",
  },
  "crypto.json-not-canonical": {
    exit: 1,
    cause: "A value that must be hashed has no canonical JSON form (RFC 8785).",
    remedy: "Remove lone surrogates, numbers that are not finite, and very deep nesting.",
  },
  "crypto.jwk-invalid": {
    exit: 1,
    cause: "A public key in JWK form has missing or wrong members, or is not on its curve.",
    remedy: "Check the program that made the key.",
  },
  "crypto.jwk-unsupported": {
    exit: 1,
    cause: "A public key names an algorithm that nothing is encrypted with here.",
    remedy: "Use ECDH-ES+A256KW with an EC key or RSA-OAEP-256 with an RSA key.",
  },
  "crypto.jwe-malformed": {
    exit: 1,
    cause: "An encrypted answer is not a JWE of the KBS protocol.",
    remedy: "Check that the address is the intended trustee.",
  },
  "crypto.jwe-not-for-this-key": {
    exit: 3,
    cause: "An encrypted answer was made for another key, or was altered on the way.",
    remedy: "Attest again; only the machine whose key was attested can open an answer.",
  },
  "crypto.key-unwrap-failed": {
    exit: 3,
    cause: "A wrapped key was made with another wrapping key, or was altered.",
    remedy: "Check that the key belongs to this artefact.",
  },
  "crypto.der-malformed": {
    exit: 1,
    cause: "Bytes that should be DER are not: truncated, padded, or encoded in another way.",
    remedy: "Get the file again from its source; check that it is not text.",
  },
  "crypto.pem-malformed": {
    exit: 1,
    cause: "Text that should be PEM is not.",
    remedy: "Give the file between its BEGIN and END lines, with nothing else around them.",
  },
  "crypto.certificate-malformed": {
    exit: 1,
    cause: "Bytes that should be an X.509 v3 certificate are not.",
    remedy: "Get the certificate again from its source.",
  },
  "crypto.crl-malformed": {
    exit: 1,
    cause: "Bytes that should be a certificate revocation list are not.",
    remedy: "Get the list again from its source.",
  },
  "crypto.algorithm-unsupported": {
    exit: 1,
    cause: "A certificate or list is signed with an algorithm other than ECDSA with SHA-256.",
    remedy: "Use a certificate that is signed with ECDSA on P-256 and SHA-256.",
  },
  "crypto.key-invalid": {
    exit: 1,
    cause: "Bytes that should be a public key or a raw signature are not; for a point, it is not on the curve.",
    remedy: "Check where the key comes from.",
  },
  "crypto.chain-invalid": {
    exit: 3,
    cause: "A certificate was not issued by the next one of its chain, or may not stand at its place.",
    remedy: "Check the chain's order and its origin.",
  },
  "crypto.crl-issuer-mismatch": {
    exit: 3,
    cause: "A revocation list was issued by another authority than the certificate that it should speak about.",
    remedy: "Get the list of the certificate's own issuer.",
  },
  "crypto.crl-signature-invalid": {
    exit: 3,
    cause: "The signature of a revocation list is not its issuer's.",
    remedy: "Get the list again from its source.",
  },
} as const satisfies Record<string, CatalogueEntry>;
