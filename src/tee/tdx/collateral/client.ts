import { createHttpClient, type HttpClient, type HttpClientOptions } from "../../../system/index.ts";
import { isWellKnown } from "./origin.ts";

/** The largest answer of a service, bytes (tdx.md §2.8). */
const MAX_ANSWER = 1024 * 1024;
const METADATA_LIMITS = { timeoutMs: 2000, maxResponseBytes: 512 } as const;

/** How services are reached. */
export interface CollateralClientOptions {
  /** of one request; default 60 */
  readonly timeoutSeconds?: number;
  /**
   * PEM of the only certificate authorities to trust for services that are not well known, for such as have a certificate of their own making. There
   * is nothing that accepts any certificate (security.md I39): all that is fetched is signed, but who reads along learns which machines are in use.
   */
  readonly ca?: string;
  readonly createHttp?: (options: HttpClientOptions) => HttpClient;
}

/**
 * The client that asks services of collateral.
 *
 * @throws CaiError `cli.setting-invalid` where `ca` holds no certificate
 */
export function collateralClient({ timeoutSeconds = 60, ca, createHttp = createHttpClient }: CollateralClientOptions = {}): HttpClient {
  const limits = { timeoutMs: timeoutSeconds * 1000, maxResponseBytes: MAX_ANSWER };
  const wellKnown = createHttp(limits);
  if (ca === undefined) return wellKnown;
  const own = createHttp({ ...limits, ca });
  return { request: (request) => (isWellKnown(request.url.hostname) ? wellKnown : own).request(request) };
}

/** The client that asks a cloud's metadata service, which answers a few bytes, at once or never. */
export const metadataClient = (createHttp: (options: HttpClientOptions) => HttpClient = createHttpClient): HttpClient =>
  createHttp(METADATA_LIMITS);
