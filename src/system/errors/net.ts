import type { CatalogueEntry } from "./entry.ts";

/** Errors of reaching a peer over the network, and of being reached. */
export const netErrors = {
  "net.unreachable": {
    exit: 4,
    cause: "The peer did not answer.",
    remedy: "Check the address, that the peer runs, and the network between.",
  },
  "net.timeout": { exit: 4, cause: "The peer did not answer in time.", remedy: "Check the peer's load and the network between." },
  "net.tls-failed": { exit: 4, cause: "The peer's TLS certificate was not accepted.", remedy: "Name its CA, or pin the peer." },
  "net.response-too-large": {
    exit: 1,
    cause: "The peer's answer is larger than this call allows.",
    remedy: "Check that the address is the intended service.",
  },
  "net.response-invalid": {
    exit: 1,
    cause: "The peer's answer is not of the expected form.",
    remedy: "Check that the address is the intended service.",
  },
  "net.listen-failed": {
    exit: 1,
    cause: "The address cannot be listened on.",
    remedy: "Check the address, and that the port is free; port 0 takes a free one.",
  },
} as const satisfies Record<string, CatalogueEntry>;
