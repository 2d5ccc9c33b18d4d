import { z } from "zod";
import type { JsonObject } from "../../system/index.ts";
import type { TrusteeAdmin } from "./trustee-admin.ts";

const realms = z.array(
  z.object({
    realm: z.string(),
    resources: z.number(),
    description: z.string().optional(),
    accept_as_tokens: z.object({ policy_ids: z.array(z.string()) }).optional(),
  }),
);
const roles = z.array(
  z.object({
    name: z.string(),
    realm: z.string().optional(),
    rights: z.union([z.literal("all"), z.array(z.string())]),
    endpoints: z.array(z.string()).optional(),
  }),
);
const administrators = z.array(
  z.object({
    name: z.string(),
    kind: z.enum(["key", "identity-provider"]),
    issuer: z.string().optional(),
    audience: z.string().optional(),
    public_key: z.string().optional(),
    jwk_set: z.string().optional(),
    jwk_set_uri: z.string().optional(),
    roles: z.array(z.string()).optional(),
  }),
);
const denials = z.array(z.object({ kind: z.string(), value: z.string(), reason: z.string().optional(), time: z.number() }));
const declared = z.object({ realm: z.string(), created: z.boolean(), resources: z.number() });

/** The tables of a trustee that say who decides about what, and whom nothing is released to. */
const TABLES = { realms, roles, administrators, denials } as const;
type Tables = typeof TABLES;

/** @returns the rows of one table; of deny rows those of one realm */
export async function listRows<Name extends keyof Tables>(
  admin: TrusteeAdmin,
  table: Name,
  realm?: string | undefined,
): Promise<z.output<Tables[Name]> & readonly JsonObject[]> {
  const answer = await admin.call({ method: "GET", path: `cai/${table}`, realm });
  // What was parsed from JSON is JSON; the schemas' types do not say so of members that may be absent.
  return TABLES[table].parse(JSON.parse(new TextDecoder().decode(answer))) as z.output<Tables[Name]> & readonly JsonObject[];
}

/** Adds a row, or replaces the one of the same name. */
export async function putRow(admin: TrusteeAdmin, table: keyof Tables, row: object, realm?: string | undefined): Promise<Uint8Array> {
  return admin.call({ method: "POST", path: `cai/${table}`, realm, body: JSON.stringify(row) });
}

/** Removes a row. @param name  as it stands in the address, a name of several parts with its slashes */
export async function removeRow(admin: TrusteeAdmin, table: keyof Tables, name: string, realm?: string | undefined): Promise<void> {
  const path = name.split("/").map(encodeURIComponent).join("/").replaceAll("%3A", ":");
  await admin.call({ method: "DELETE", path: `cai/${table}/${path}`, realm });
}

/** Declares a realm. @returns whether it is new, and how many secrets it decides on */
export async function declareRealm(admin: TrusteeAdmin, row: object): Promise<z.output<typeof declared>> {
  return declared.parse(JSON.parse(new TextDecoder().decode(await putRow(admin, "realms", row))));
}
