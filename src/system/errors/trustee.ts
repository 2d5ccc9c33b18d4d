import type { CatalogueEntry } from "./entry.ts";

/** Errors of starting and running a trustee. */
export const trusteeErrors = {
  "trustee.world-mismatch": {
    exit: 2,
    cause: "A store is made for production or for simulated platforms, for ever, and this one is of the other kind.",
    remedy: "Use another data directory.",
  },
  "trustee.simulated-anchor": {
    exit: 2,
    cause: "A production trustee was given the trust anchor of a simulated platform.",
    remedy: "Leave the anchor out, or use a trustee made by `cai trustee init --simulated`.",
  },
  "trustee.data-in-use": {
    exit: 2,
    cause: "Another trustee works on the same data directory.",
    remedy: "Stop it, or give this one another data directory.",
  },
  "trustee.data-unusable": {
    exit: 2,
    cause: "The data directory cannot be used.",
    remedy: "Check that it is a directory that this user may write.",
  },
  "trustee.tls-required": {
    exit: 2,
    cause: "The trustee was told to listen without TLS on an address that others can reach.",
    remedy: "Give a certificate and key, listen on loopback, or say --insecure-http where something in front speaks TLS.",
  },
  "trustee.listen-failed": {
    exit: 1,
    cause: "The trustee cannot listen on its address.",
    remedy: "Check the address, that the port is free, and the TLS certificate and key.",
  },
  "trustee.collateral-unreadable": {
    exit: 2,
    cause: "The file of collateral cannot be read.",
    remedy: "Check the path, and that the file is one that `cai collateral fetch`, `cai collateral export` or `cai sim tdx` wrote.",
  },
  "trustee.collateral-missing": {
    exit: 2,
    cause: "The trustee was given no collateral, so it can judge no evidence.",
    remedy: "Name a source (--collateral-source) or a file (--collateral), or give it one (`cai collateral import`).",
  },
  "trustee.clock-behind": {
    exit: 3,
    cause: "The trustee's clock is behind its own last record, so nothing can be called current.",
    remedy: "Set the clock; releases go on when it is right.",
  },
  "trustee.denials-counted": {
    exit: 3,
    cause: "More requests were denied than have a record each; from some time on they were only counted.",
    remedy: "See in the log and by `cai decisions ls` which clients ask so often, and limit them in front of the trustee.",
  },
} as const satisfies Record<string, CatalogueEntry>;
