import { createPublicKey, type KeyObject, X509Certificate } from "node:crypto";
import { z } from "zod";
import { algorithmsOf } from "../../protocol/index.ts";
import { parseKeySet } from "./key-set.ts";
import { rowName } from "./role.ts";

const MAX_PEM = 16 * 1024;
const MAX_KEY_SET = 256 * 1024;

const publicKeyPem = z.string().max(MAX_PEM).refine(isAdminKey, "expected an Ed25519, EC (P-256, P-384, P-521) or RSA public key in PEM");
const roles = z.array(rowName).min(1).max(32);
const httpsAddress = z
  .string()
  .max(1024)
  .refine((text) => URL.parse(text)?.protocol === "https:", "expected an https address");

const keyHolder = z.strictObject({
  kind: z.literal("key"),
  public_key: publicKeyPem,
  /** the roles that tokens of this key may name; absent: every right */
  roles: roles.optional(),
});

/** An identity provider as CoCo's `identity_providers` (trustee.md §2.2), but with the roles that it may give. */
const identityProvider = z
  .strictObject({
    kind: z.literal("identity-provider"),
    issuer: z.string().min(1).max(512).optional(),
    audience: z.string().min(1).max(512).optional(),
    public_key: publicKeyPem.optional(),
    /** a JWK set, as text */
    jwk_set: z
      .string()
      .max(MAX_KEY_SET)
      .refine((text) => parseKeySet(text) !== undefined, "expected a JWK set with a public key")
      .optional(),
    /** where the JWK set is, or the provider whose discovery document says so */
    jwk_set_uri: httpsAddress.optional(),
    /** PEM of the only certificate authorities of that address */
    ca: z.string().max(MAX_KEY_SET).refine(isCertificate, "expected certificates in PEM").optional(),
    roles,
  })
  .refine(
    (row) => [row.public_key, row.jwk_set, row.jwk_set_uri].filter((each) => each !== undefined).length === 1,
    "expected one of public_key, jwk_set, jwk_set_uri",
  );

/** Who may sign admin tokens, as an administrator sends it and as it is stored. */
export const administratorContent = z.union([keyHolder, identityProvider]);
export type AdministratorContent = z.output<typeof administratorContent>;

/** @returns what a row of the store says; one that is the PEM of a key alone is an administrator with every right */
export function readAdministrator(content: string): AdministratorContent {
  // Rows of the store are the program's own words: what others wrote does not pass the MAC.
  return content.startsWith("-----BEGIN") ? { kind: "key", public_key: content } : (JSON.parse(content) as AdministratorContent);
}

/** Whether it is one without which nobody might have every right. */
export function hasEveryRight(row: AdministratorContent): boolean {
  return row.kind === "key" && row.roles === undefined;
}

/** @returns the key of a PEM, or undefined for a text that is no public key */
export function readPublicKey(pem: string): KeyObject | undefined {
  // A private key's public half would do, but whoever sends one has sent a secret.
  if (!pem.trimStart().startsWith("-----BEGIN PUBLIC KEY-----")) return undefined;
  try {
    return createPublicKey(pem);
  } catch {
    return undefined;
  }
}

function isAdminKey(pem: string): boolean {
  const key = readPublicKey(pem);
  return key !== undefined && algorithmsOf(key).length > 0;
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).ca;
  } catch {
    return false;
  }
}
