import type { CatalogueEntry } from "./entry.ts";

/** Errors of the attestation service's REST interface, besides those that it has in common with the key broker. */
export const asErrors = {
  "as.encoding-invalid": {
    exit: 3,
    cause: "A member of the request to the attestation service is not base64url.",
    remedy: "Encode evidence, raw runtime data and digests as base64url without padding.",
  },
  "as.evidence-not-json": {
    exit: 3,
    cause: "The evidence in the request to the attestation service is not the base64url of a JSON text.",
    remedy: "Encode the JSON that the attester gives, not the quote alone.",
  },
  "as.argument-invalid": {
    exit: 3,
    cause: "A member of the request to the attestation service has a value that cannot be used.",
    remedy: "Read the answer's `field`, which names it.",
  },
  "as.report-data-length": {
    exit: 3,
    cause: "Raw runtime data are empty, or longer than the report data of any platform; they are refused, not cut.",
    remedy: "Send 1 to 64 bytes, or structured runtime data, which are hashed.",
  },
  "as.challenge-invalid": {
    exit: 3,
    cause: "The challenge token in the runtime data is not one of this attestation service, or has expired.",
    remedy: "Ask for a new challenge and make new evidence over it.",
  },
  "as.device-unbound": {
    exit: 3,
    cause: "Nothing shows that a device's evidence belongs to the same machine and run as the rest of the request.",
    remedy: "Bind the device to the challenge or nonce that the machine is bound to, with runtime data of its own.",
  },
  "as.policy-unknown": {
    exit: 3,
    cause: "The request names an attestation policy that is not there.",
    remedy: "Name one that is, or have an administrator put it: `cai policy ls`.",
  },
} as const satisfies Record<string, CatalogueEntry>;
