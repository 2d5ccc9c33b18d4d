import { CaiError, type HttpClient } from "../../../system/index.ts";
import { parseRegion } from "./origin.ts";

const METADATA = "http://100.100.100.200/latest";
const TOKEN_LIFE = "60";

/** What DMI calls the machines of Alibaba Cloud. */
export const isAlibabaVendor = (vendor: string | undefined): boolean => vendor?.trim() === "Alibaba Cloud";

/**
 * The region of the instance that this runs on, from its metadata service. To be asked on machines of Alibaba Cloud only: elsewhere the address is
 * somebody else's. The host may answer anything (security.md §7.14), so what is no region's name is none.
 *
 * @param client  one with limits of its own: an answer is a few bytes, and comes at once or never
 */
export async function alibabaRegion(client: HttpClient): Promise<string | undefined> {
  try {
    const token = await ask(client, "PUT", "api/token", { "x-aliyun-ecs-metadata-token-ttl-seconds": TOKEN_LIFE });
    const headers: Record<string, string> = token === undefined ? {} : { "x-aliyun-ecs-metadata-token": token };
    const region = await ask(client, "GET", "meta-data/region-id", headers);
    return region && parseRegion(region);
  } catch (error) {
    if (error instanceof CaiError) return undefined;
    throw error;
  }
}

async function ask(client: HttpClient, method: "GET" | "PUT", path: string, headers: Record<string, string>): Promise<string | undefined> {
  const { status, body } = await client.request({ method, url: new URL(`${METADATA}/${path}`), headers });
  const text = new TextDecoder().decode(body).trim();
  return status === 200 && /^[\x21-\x7e]{1,256}$/.test(text) ? text : undefined;
}
