import { lstatSync, unlinkSync } from "node:fs";
import { CaiError, handOverListener, isLoopbackHost, listeningDescriptors, Stream, SystemError } from "../../system/index.ts";
import type { Application, Connection } from "./application.ts";
import { plainAddress } from "./ip-address.ts";
import { formatListenAddress, type ListenAddress } from "./listen-address.ts";
import type { TlsMaterial } from "./tls-material.ts";

/** Seconds without any byte after which a connection is closed. */
const IDLE_TIMEOUT = 30;
/** Above every route's own limit, so that it is the route that refuses, with a reason. */
const MAX_REQUEST_BODY = 64 * 1024 * 1024;
const DRAIN_MS = 10_000;
/** What was given up needs no more than this to be answered and recorded. */
const LAST_ANSWERS_MS = 1000;
const DRAIN_LOOK_MS = 10;
/** How long those who were connected before a certificate was replaced are served under the old one, where they never pause. */
const OLD_CERTIFICATE_MS = 10 * 60_000;

/** The numbers of TLS versions (RFC 8446 §4.1.2). The runtime takes them, its types do not know it. */
const TLS_VERSIONS = { "1.2": 0x0303, "1.3": 0x0304 } as const;

export interface Server {
  /** `http://…`, `https://…`, or `unix:/PATH` */
  readonly url: string;
  /**
   * From now on newcomers are shown this certificate. Nobody is cut off: who is connected stays so, and who is just connecting gets in.
   *
   * @throws CaiError `trustee.listen-failed`; the old certificate stays then
   */
  replaceTls(tls: TlsMaterial): void;
  /** Takes no new connections. */
  refuse(): void;
  /** requests under way */
  readonly pending: number;
  /** Closes every connection. */
  end(): Promise<void>;
}

export interface ListenOptions {
  /** absent: plain HTTP */
  readonly tls?: TlsMaterial;
  readonly tlsMin?: keyof typeof TLS_VERSIONS;
}

/** A server of the runtime, and the descriptor by which it listens. */
interface Listening {
  readonly server: Bun.Server<undefined>;
  readonly descriptor: number | undefined;
}

/**
 * Puts the application on one address.
 *
 * @throws CaiError `trustee.listen-failed`
 */
export function listen(address: ListenAddress, application: Application, options: ListenOptions = {}): Server {
  const { tls, tlsMin = "1.2" } = options;
  const open = (where: ListenAddress, material: TlsMaterial | undefined) => opened(where, application, material, TLS_VERSIONS[tlsMin]);
  let current = open(address, tls);
  // Those whose certificate was replaced; they end when nobody is connected to them any more.
  const old = new Set<Bun.Server<undefined>>();
  const servers = () => [current.server, ...old];
  return {
    url: urlOf(address, current.server, tls !== undefined),
    replaceTls(material) {
      if ("unix" in address || tls === undefined) return;
      // It is given the socket of the one before, so the one that it opens itself is of no use to anybody.
      const next = open({ host: "127.0.0.1", port: 0 }, material);
      try {
        if (current.descriptor === undefined || next.descriptor === undefined) throw new Error("the runtime's sockets are not to be found");
        handOverListener(current.descriptor, next.descriptor);
      } catch (cause) {
        void next.server.stop(true);
        throw listenFailed(address, cause);
      }
      const { server } = current;
      old.add(server);
      const end = setTimeout(() => void server.stop(false).then(() => old.delete(server)), OLD_CERTIFICATE_MS);
      end.unref();
      current = next;
    },
    refuse() {
      for (const server of servers()) void server.stop(false);
    },
    get pending() {
      return servers().reduce((sum, { pendingRequests }) => sum + pendingRequests, 0);
    },
    async end() {
      await Promise.all(servers().map((server) => server.stop(true)));
    },
  };
}

/**
 * Ends servers together: they take no new connections, requests under way may end, then the rest is closed.
 *
 * @param giveUp   called before that: what it ends can still be answered
 * @param drainMs  how long requests under way may take
 * @param hurry    aborted where they may not take that long
 */
export async function drain(
  servers: readonly Server[],
  giveUp: () => void,
  drainMs: number = DRAIN_MS,
  hurry?: AbortSignal,
): Promise<void> {
  for (const server of servers) server.refuse();
  await answered(servers, drainMs, hurry);
  giveUp();
  await answered(servers, LAST_ANSWERS_MS);
  await Promise.all(servers.map((server) => server.end()));
}

/** Waits until no request is under way, `ms` at most. */
async function answered(servers: readonly Server[], ms: number, hurry?: AbortSignal): Promise<void> {
  const end = performance.now() + ms;
  while (servers.some(({ pending }) => pending > 0) && performance.now() < end && !hurry?.aborted) await Bun.sleep(DRAIN_LOOK_MS);
}

function opened(address: ListenAddress, application: Application, tls: TlsMaterial | undefined, minVersion: number): Listening {
  if ("unix" in address) return { server: openUnix(address.unix, application), descriptor: undefined };
  if (tls === undefined) return { server: openTcp(address, application, undefined, minVersion), descriptor: undefined };
  const before = listeningDescriptors();
  const server = openTcp(address, application, tls, minVersion);
  return { server, descriptor: [...listeningDescriptors()].find((descriptor) => !before.has(descriptor)) };
}

const COMMON = { maxRequestBodySize: MAX_REQUEST_BODY, development: false } as const;

function openTcp(
  address: Exclude<ListenAddress, { readonly unix: string }>,
  application: Application,
  tls: TlsMaterial | undefined,
  minVersion: number,
): Bun.Server<undefined> {
  try {
    return Bun.serve({
      ...COMMON,
      hostname: address.host,
      port: address.port,
      idleTimeout: IDLE_TIMEOUT,
      ...(tls && { tls: { cert: tls.certificate, key: tls.key, minVersion } as Bun.TLSOptions }),
      // Said, because `development: false` alone makes the runtime share the port with whoever asks for it next.
      reusePort: false,
      fetch: (request, server) => application.fetch(request, connectionOf(server.requestIP(request)?.address, tls !== undefined)),
    });
  } catch (cause) {
    throw listenFailed(address, cause);
  }
}

/** Who may connect to the socket is who may write to it: this user alone. */
function openUnix(path: string, application: Application): Bun.Server<undefined> {
  const mask = process.umask(0o177);
  try {
    removeAbandoned(path);
    const connection: Connection = { client: "unix", local: true, private: true };
    return Bun.serve({ ...COMMON, unix: path, fetch: (request) => application.fetch(request, connection) });
  } catch (cause) {
    throw listenFailed({ unix: path }, cause);
  } finally {
    process.umask(mask);
  }
}

/** Removes the socket that a process left behind when it was killed: one that nobody listens on. */
function removeAbandoned(path: string): void {
  if (!lstatSync(path, { throwIfNoEntry: false })?.isSocket()) return;
  try {
    Stream.connect({ kind: "unix", path }, 1000).close();
  } catch (error) {
    if (error instanceof SystemError && error.code === "ECONNREFUSED") unlinkSync(path);
  }
}

function connectionOf(address: string | undefined, tls: boolean): Connection {
  const client = address === undefined ? "unknown" : plainAddress(address);
  const local = isLoopbackHost(client);
  return { client, local, private: tls || local };
}

function listenFailed(address: ListenAddress, cause: unknown): CaiError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new CaiError("trustee.listen-failed", `cannot listen on ${formatListenAddress(address)}: ${reason}`, { cause });
}

function urlOf(address: ListenAddress, server: Bun.Server<undefined>, tls: boolean): string {
  if ("unix" in address) return formatListenAddress(address);
  return formatListenAddress({ scheme: tls ? "https" : "http", host: address.host, port: server.port ?? address.port });
}
