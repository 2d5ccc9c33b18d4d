import type { CatalogueEntry } from "./entry.ts";

/** Errors of administrative requests. */
export const adminErrors = {
  "admin.unauthenticated": {
    exit: 3,
    cause: "The request carries no admin token, or one that no admin key of this trustee signed, or one that has expired.",
    remedy: "Sign it with an admin key of this trustee and check the clocks.",
  },
  "admin.token-unbounded": {
    exit: 3,
    cause: "The admin token has no expiry, or one that is too far away.",
    remedy: "Make a token that expires within two hours.",
  },
  "admin.bearer-over-plaintext": {
    exit: 3,
    cause: "A reusable admin token came over a connection that others can read.",
    remedy: "Use TLS, a loopback address, or a one-request token.",
  },
  "admin.token-replayed": { exit: 3, cause: "The one-request admin token was used before.", remedy: "Make a new token for each request." },
  "admin.token-mismatch": {
    exit: 3,
    cause: "The admin token was made for another request or another trustee.",
    remedy: "Make the token for this method, path, body and trustee.",
  },
  "admin.forbidden": {
    exit: 3,
    cause: "The admin token's role has no right to this request.",
    remedy: "Use a token of a role that has it.",
  },
} as const satisfies Record<string, CatalogueEntry>;
