import { createHttpClient, type HttpClient, type HttpClientOptions } from "../../../system/index.ts";
import type { CollateralOrigin } from "./origin.ts";

/** The largest answer of a service, bytes (tdx.md §2.8). */
const MAX_ANSWER = 1024 * 1024;
const METADATA_LIMITS = { timeoutMs: 2000, maxResponseBytes: 512 } as const;

/** How services are reached. */
export interface CollateralClientOptions {
  /** of one request; default 60 */
  readonly timeoutSeconds?: number;
  /**
   * PEM of the only certificate authorities to trust for services that the operator named by address, for such as have a certificate of their own
   * making. There is nothing that accepts any certificate (security.md I39); the well-known services keep the built-in authorities.
   */
  readonly ca?: string;
  readonly createHttp?: (options: HttpClientOptions) => HttpClient;
}

/**
 * The client that {@link CollateralAccess} wants.
 *
 * @throws CaiError `cli.setting-invalid` where `ca` holds no certificate
 */
export function collateralClient(origins: readonly CollateralOrigin[], options: CollateralClientOptions = {}): HttpClient {
  const { timeoutSeconds = 60, ca, createHttp = createHttpClient } = options;
  const limits = { timeoutMs: timeoutSeconds * 1000, maxResponseBytes: MAX_ANSWER };
  const wellKnown = createHttp(limits);
  if (ca === undefined) return wellKnown;
  const own = createHttp({ ...limits, ca });
  const named = new Set(origins.flatMap((origin) => (origin.kind === "service" && origin.named ? [new URL(origin.base).origin] : [])));
  return { request: (request) => (named.has(request.url.origin) ? own : wellKnown).request(request) };
}

/** The client that asks a cloud's metadata service. */
export const metadataClient = (createHttp: (options: HttpClientOptions) => HttpClient = createHttpClient): HttpClient =>
  createHttp(METADATA_LIMITS);
