import { CaiError } from "../../system/index.ts";
import type { Application } from "./application.ts";
import type { parseTrusteeSettings } from "./settings.ts";

/** Seconds without any byte after which a connection is closed. */
const IDLE_TIMEOUT = 30;
/** Above every route's own limit, so that it is the route that refuses, with a reason. */
const MAX_REQUEST_BODY = 64 * 1024 * 1024;
const DRAIN_MS = 10_000;
const DRAIN_LOOK_MS = 10;

export interface Server {
  readonly url: string;
  /** Takes no new connections, waits for the requests under way (10 s at most), then closes the rest. */
  drain(): Promise<void>;
}

/**
 * Puts the application on its address.
 *
 * @throws CaiError `trustee.listen-failed`
 */
export function listen({ host, port, tls }: ReturnType<typeof parseTrusteeSettings>, application: Application): Server {
  let server: Bun.Server<undefined>;
  try {
    server = Bun.serve({
      hostname: host,
      port,
      ...(tls && { tls }),
      idleTimeout: IDLE_TIMEOUT,
      maxRequestBodySize: MAX_REQUEST_BODY,
      development: false,
      // Said, because `development: false` alone makes the runtime share the port with whoever asks for it next.
      reusePort: false,
      fetch: (request, server) => application.fetch(request, { client: peer(server.requestIP(request)?.address) }),
    });
  } catch (cause) {
    throw new CaiError("trustee.listen-failed", `cannot listen on ${host}:${port}: ${(cause as Error).message}`, { cause });
  }
  const name = host.includes(":") ? `[${host}]` : host;
  return {
    url: `${tls ? "https" : "http"}://${name}:${server.port}`,
    async drain() {
      const closed = server.stop(false);
      const end = performance.now() + DRAIN_MS;
      while (server.pendingRequests > 0 && performance.now() < end) await Bun.sleep(DRAIN_LOOK_MS);
      await server.stop(true);
      await closed;
    },
  };
}

/** IPv4 clients of a socket that takes both families come in IPv6 clothing. */
function peer(address: string | undefined): string {
  return address?.replace(/^::ffff:/i, "") ?? "unknown";
}
