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
  "trustee.simulated-evidence": {
    exit: 2,
    cause: "A production trustee was told to take sample evidence, which software makes up.",
    remedy: "Leave --accept-sample out, or use a trustee made by `cai trustee init --simulated`.",
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
    remedy: "Leave `http://` out of --listen, listen on loopback, or say --insecure-http where something in front speaks TLS.",
  },
  "trustee.tls-invalid": {
    exit: 2,
    cause: "The TLS certificate and key that the trustee was given cannot be used. While it runs, the ones before stay in place.",
    remedy: "Give a PEM chain that begins with the server's own certificate, and the private key that belongs to it.",
  },
  "trustee.draining": {
    exit: 4,
    cause: "The trustee is about to end and takes no new work.",
    remedy: "Ask another replica, or this one when it has started again.",
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
  "trustee.import-insecure": {
    exit: 3,
    cause: "A setting or policy of the old trustee lets everybody in, or believes what proves nothing. It is left out.",
    remedy: "Nothing needs it here; where clients relied on it, give them what they should have: a token, a policy that grades.",
  },
  "trustee.import-unreadable": {
    exit: 1,
    cause: "A file of the old trustee cannot be taken: it is a link, a device or a folder, too large, or not what its place says.",
    remedy: "Put a regular file there, or name the part by hand; `cai trustee import --help` lists the parts.",
  },
  "trustee.import-incomplete": {
    exit: 1,
    cause: "Some things of the old trustee could not be taken; the report names each with its reason.",
    remedy: "Mend them and import again: what was taken stays.",
  },
} as const satisfies Record<string, CatalogueEntry>;
