import type { CatalogueEntry } from "./entry.ts";

/** Errors of what the model's owner does at home. */
export const ownerErrors = {
  "owner.plaintext-trustee": {
    exit: 2,
    cause: "A secret would travel to the trustee over plain HTTP.",
    remedy: "Use https://, or run the command on the trustee's own machine over loopback.",
  },
  "owner.trustee-unauthenticated": {
    exit: 2,
    cause: "Over plain HTTP off loopback nothing proves which trustee answers.",
    remedy: "Use https://, or pin the trustee with --trustee-pin tid:…",
  },
  "owner.trustee-mismatch": {
    exit: 3,
    cause: "The trustee that answers is not the pinned one.",
    remedy: "Check the address, or the pin that `cai trustee init` printed.",
  },
  "owner.trustee-refused": {
    exit: 3,
    cause: "The trustee refused an administrator's request.",
    remedy: "Read the id and text that it gave; its log has the reason.",
  },
  "owner.artefact-unknown": {
    exit: 1,
    cause: "The input is no artefact that can be explained here.",
    remedy: "Check that it is the intended file, whole, and not encrypted or compressed.",
  },
  "owner.artefact-malformed": {
    exit: 1,
    cause: "The input begins as an artefact of a known kind and then is none.",
    remedy: "Get it again from its source.",
  },
  "owner.admin-key-invalid": {
    exit: 2,
    cause: "The administrator's key is not an Ed25519 private key in PEM.",
    remedy: "Use the admin.key that `cai trustee init` made.",
  },
} as const satisfies Record<string, CatalogueEntry>;
