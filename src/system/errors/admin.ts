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
  "admin.role-missing": { exit: 1, cause: "There is no role of that name.", remedy: "List the roles: `cai trustee role ls`." },
  "admin.role-in-use": {
    exit: 1,
    cause: "An administrator or identity provider has the role, so it cannot be removed.",
    remedy: "Remove or change those first: `cai trustee admin ls`.",
  },
  "admin.administrator-missing": {
    exit: 1,
    cause: "There is no administrator of that name.",
    remedy: "List them: `cai trustee admin ls`.",
  },
  "admin.last-administrator": {
    exit: 1,
    cause: "Without this administrator no key would have every right any more, so nobody could mend anything.",
    remedy: "Add another administrator without roles first.",
  },
} as const satisfies Record<string, CatalogueEntry>;
