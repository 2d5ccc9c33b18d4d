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
} as const satisfies Record<string, CatalogueEntry>;
