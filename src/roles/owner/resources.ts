import { z } from "zod";
import { encodeBase64Url } from "../../crypto/index.ts";
import type { TrusteeAdmin } from "./trustee-admin.ts";

const resourceRows = z.array(z.object({ path: z.string(), size: z.number(), realm: z.string() }));

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

/** A secret as a trustee lists it, without its content. */
export interface ListedResource {
  readonly path: string;
  /** bytes */
  readonly size: number;
  /** the realm that decides on it; empty for the root */
  readonly realm: string;
}

/** @returns every secret, or those of one realm, sorted by path */
export async function listResources(admin: TrusteeAdmin, realm: string | undefined): Promise<ListedResource[]> {
  const answer = await admin.call({ method: "GET", path: "cai/resources", realm });
  return resourceRows.parse(JSON.parse(new TextDecoder().decode(answer)));
}
