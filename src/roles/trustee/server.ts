import { CaiError } from "../../system/index.ts";
import type { Application } from "./application.ts";
import type { parseTrusteeSettings } from "./settings.ts";

/** Seconds without any byte after which a connection is closed. */
const IDLE_TIMEOUT = 30;
/** Above every route's own limit, so that it is the route that refuses, with a reason. */
const MAX_REQUEST_BODY = 64 * 1024 * 1024;
const DRAIN_MS = 10_000;
/** What was given up needs no more than this to be answered and recorded. */
const LAST_ANSWERS_MS = 1000;
const DRAIN_LOOK_MS = 10;

export interface Server {
  readonly url: string;
  /**
   * Takes no new connections, waits for the requests under way (10 s at most), then closes the rest.
   *
   * @param giveUp  called before that: what it ends can still be answered
   */
  drain(giveUp: () => void): Promise<void>;
}

/**
 * Puts the application on its address.
 *
 * @param drainMs  how long requests under way may take when the server is to end
 * @throws CaiError `trustee.listen-failed`
 */
export function listen(
  { host, port, tls }: Pick<ReturnType<typeof parseTrusteeSettings>, "host" | "port" | "tls">,
  application: Application,
  drainMs: number = DRAIN_MS,
): Server {
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
    async drain(giveUp) {
      const closed = server.stop(false);
      await answered(server, drainMs);
      giveUp();
      await answered(server, LAST_ANSWERS_MS);
      await server.stop(true);
      await closed;
    },
  };
}

/** Waits until no request is under way, `ms` at most. */
async function answered(server: Bun.Server<undefined>, ms: number): Promise<void> {
  const end = performance.now() + ms;
  while (server.pendingRequests > 0 && performance.now() < end) await Bun.sleep(DRAIN_LOOK_MS);
}

/** IPv4 clients of a socket that takes both families come in IPv6 clothing. */
function peer(address: string | undefined): string {
  return address?.replace(/^::ffff:/i, "") ?? "unknown";
}
