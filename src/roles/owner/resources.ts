import { z } from "zod";
import { encodeBase64Url } from "../../crypto/index.ts";
import type { TrusteeAdmin } from "./trustee-admin.ts";

const resourceRows = z.array(z.object({ repository_name: z.string(), resource_type: z.string(), resource_tag: z.string() }));

/** A secret and where it is to lie: `repository/type/tag`. */
export interface NewResource {
  readonly path: string;
  readonly value: Uint8Array;
}

/**
 * Stores secrets in one transaction: all of them, or none.
 *
 * @param replace  whether secrets that are there already are replaced; without it they make the request fail
 * @throws CaiError `kbs.resource-exists`, and what `TrusteeAdmin.call` throws
 */
export async function storeResources(admin: TrusteeAdmin, resources: readonly NewResource[], replace: boolean): Promise<void> {
  const body = JSON.stringify({ resources: resources.map(({ path, value }) => ({ path, value: encodeBase64Url(value) })), replace });
  await admin.call({ method: "POST", path: "cai/resources", body });
}

/** @returns the paths `repository/type/tag` of all secrets, sorted */
export async function listResources(admin: TrusteeAdmin): Promise<string[]> {
  const answer = await admin.call({ method: "GET", path: "resources" });
  const rows = resourceRows.parse(JSON.parse(new TextDecoder().decode(answer)));
  return rows.map((row) => `${row.repository_name}/${row.resource_type}/${row.resource_tag}`).sort();
}
