import { Hono } from "hono";
import { TrieRouter } from "hono/router/trie-router";
import { bodyContext, KBS_PREFIX, KEYLESS_CONTEXT, type PeerFamily, SIGNATURE_HEADER } from "../../protocol/index.ts";
import { CaiError, type Logger, onBehalfOf } from "../../system/index.ts";
import type { Administrator } from "./administrators.ts";
import { type AdminWrite, type AdmissionParts, adminDecision, admit, recordChange, recordFailure } from "./admission.ts";
import { ByteBudget } from "./byte-budget.ts";
import type { TrustedProxies } from "./client-address.ts";
import type { ClientLimits, Counted } from "./client-limits.ts";
import { errorAnswer, isFailure } from "./error-answer.ts";
import type { TrusteeKeys } from "./identity.ts";
import type { Metrics, RouteMeter } from "./metrics.ts";
import { readRealm } from "./realm.ts";
import { readBody } from "./request-body.ts";
import { REQUEST_ID_HEADER, requestIdOf } from "./request-id.ts";
import { isAdminRight } from "./rights.ts";
import { type Call, mountsOf, type Reply, type Route, SMALL_BODY } from "./route.ts";

/** How long a body may take to arrive, milliseconds. */
const BODY_TIMEOUT_MS = 30_000;
/** Requests under way at a time; for one more, the body that has been on its way for longest is given up (security.md I40). */
const MAX_REQUESTS = 1024;
/** Bytes of all bodies that are held at a time. */
const MAX_BODIES = 128 * 1024 * 1024;
/** What a proxy adds for whom it asks: the request is nobody's on this machine then, though the connection is. */
const FORWARDED = ["x-forwarded-for", "forwarded", "x-real-ip"] as const;

export interface ApplicationParts extends AdmissionParts {
  readonly keys: TrusteeKeys;
  readonly clock: () => number;
  readonly proxies: TrustedProxies;
  readonly limits: ClientLimits;
  readonly metrics: Metrics;
  /** as whose errors are answered */
  readonly family: PeerFamily;
}

/** What the server hands to the application with each request. */
export interface Connection {
  /** the address at the other end, as text; `unix` for a socket of the file system */
  readonly client: string;
  /** whether the other end is this machine */
  readonly local: boolean;
  /** whether nobody else can read what goes over it: TLS, or this machine (security.md I24) */
  readonly private: boolean;
}

/** Requests under way, those of them whose bodies are still arriving, and the bytes of bodies that are held. */
export interface Load {
  readonly active: number;
  readonly arriving: number;
  readonly bytes: number;
}

export interface Application {
  fetch(request: Request, connection: Connection): Response | Promise<Response>;
}

/** What all the requests of one trustee share, whichever address they come by. */
export class Work {
  readonly budget = new ByteBudget(MAX_BODIES);
  /** bodies on their way, in the order in which they began */
  readonly arriving = new Set<AbortController>();
  active = 0;

  get load(): Load {
    return { active: this.active, arriving: this.arriving.size, bytes: this.budget.taken };
  }
}

/** One request, while it is answered. */
interface Exchange {
  readonly route: Route;
  readonly raw: Request;
  /** path and query from the route's own prefix on */
  readonly target: string;
  readonly connection: Connection;
  readonly requestId: string;
}

/** Makes the HTTP application out of the router table. @param work  shared by the applications of one trustee */
export function createApplication(parts: ApplicationParts, routes: readonly Route[], work = new Work()): Application {
  const app = new Hono<{ Bindings: Connection }>();
  // Which methods a path has, for those who ask with another one.
  const places = new TrieRouter<true>();
  const methods = [...new Set(routes.map(({ method }) => method))];
  const otherMethod = (raw: Request, path: string) => {
    const allowed = methods.filter((method) => places.match(method, path)[0].length > 0);
    if (allowed.length === 0) return refuse(raw, unknownPlace(pathOf(targetOf(raw.url)), routes));
    return refuse(raw, new CaiError("kbs.method-unsupported", `${path} has no ${raw.method}`), { allow: allowed.join(", ") });
  };
  for (const route of routes) {
    const meter = parts.metrics.route(route.path);
    for (const mount of mountsOf(route)) {
      places.add(route.method, mount + route.path, true);
      app.on(route.method, mount + route.path, async (context) => {
        const { raw, path } = context.req;
        if (raw.method === "HEAD" && !answersHead(route)) return otherMethod(raw, path);
        const requestId = requestIdOf(raw.headers.get(REQUEST_ID_HEADER));
        // What an admin token and the answer's signature are about is the path from the route's own prefix on, wherever that is mounted.
        const exchange = { route, raw, target: targetOf(raw.url).slice(mount.length), connection: context.env, requestId };
        return measured(parts.logger, meter, exchange, () => onBehalfOf(requestId, () => answer(parts, work, exchange)));
      });
    }
  }
  const unknown = parts.metrics.unknownRoute();
  const refuse = (raw: Request, error: unknown, headers: Record<string, string> = {}) => {
    const path = pathOf(targetOf(raw.url));
    const requestId = requestIdOf(raw.headers.get(REQUEST_ID_HEADER));
    const answered = errorAnswer(error, { place: "resource", family: parts.family, path, authorized: false }, parts.logger);
    const { status = 500, body = "" } = withRequestId(answered, raw, requestId);
    unknown(raw.method, status, 0);
    return new Response(body, { status, headers: { [REQUEST_ID_HEADER]: requestId, "content-type": "application/json", ...headers } });
  };
  app.notFound(({ req: { raw, path } }) => otherMethod(raw, path));
  app.onError((error, { req: { raw } }) => refuse(raw, error));
  return { fetch: (request, connection) => app.fetch(request, connection) };
}

/** Whether HEAD is answered as GET is: where that says the same to everybody. Elsewhere it would be a release, or its record, without anything released. */
function answersHead({ right }: Route): boolean {
  return right === "public" || right === "local";
}

async function measured(logger: Logger, meter: RouteMeter, { route, raw, requestId }: Exchange, work: () => Promise<Response>) {
  const start = performance.now();
  const response = await work();
  const ms = performance.now() - start;
  meter(raw.method, response.status, ms / 1000);
  logger.debug("request", { request: requestId, method: raw.method, route: route.path, status: response.status, ms: Math.round(ms) });
  return response;
}

async function answer(parts: ApplicationParts, work: Work, exchange: Exchange): Promise<Response> {
  const { route, raw, target, connection, requestId } = exchange;
  const { budget, arriving } = work;
  let signing = { context: KEYLESS_CONTEXT };
  let reply: Reply;
  let administrator: Administrator | undefined;
  let write: AdminWrite | undefined;
  let held = 0;
  let leave = () => {};
  const client = parts.proxies.clientOf(connection.client, raw.headers.get("x-forwarded-for"));
  // What comes from this machine itself has no address of its own to be counted by.
  const limited = !connection.local || client.address !== connection.client;
  work.active++;
  try {
    if (limited) leave = parts.limits.enter(client.address, countedOf(route));
    if (work.active > MAX_REQUESTS) makeRoom(arriving);
    const arrival = new AbortController();
    arriving.add(arrival);
    const take = (bytes: number) => {
      budget.take(bytes);
      held += bytes;
    };
    const reading = readBody(raw, route.bodyLimit, BODY_TIMEOUT_MS, take, arrival.signal);
    const body = await reading.finally(() => arriving.delete(arrival));
    if (raw.method !== "GET") signing = { context: bodyContext(body) };
    let call = callOf(exchange, body, client.label, parts.clock(), (value) => {
      signing = { context: value };
    });
    if (route.right === "local") requireLocal(raw, connection);
    if (isAdminRight(route.right)) {
      const about = adminDecision(route, call);
      const refused = () => {
        if (limited) parts.limits.failed(client.address);
      };
      const adminRoute = { ...route, right: route.right };
      const admitted = await admit(parts, { route: adminRoute, call, target, privateConnection: connection.private, about, refused });
      ({ administrator } = admitted);
      call = { ...call, ...admitted.scope };
      if (administrator !== undefined && route.method !== "GET") write = { about: { ...about, realm: call.realm }, administrator };
    }
    reply = await route.handle(call);
    if (write !== undefined) await recordChange(parts.recorder, write, reply);
  } catch (thrown) {
    const error = write !== undefined && isFailure(thrown) ? await recordFailure(parts, write, thrown) : thrown;
    if (error instanceof CaiError && error.id === "kbs.busy") parts.metrics.limited();
    const authorized = administrator !== undefined;
    const answered =
      route.refuse?.(CaiError.from(error), authorized) ??
      errorAnswer(error, { place: route.place, family: parts.family, path: pathOf(target), authorized }, parts.logger);
    reply = withRequestId(answered, raw, requestId);
  } finally {
    leave();
    work.active--;
    budget.give(held);
  }
  return respond(parts, exchange, signing.context, reply);
}

/** @returns what a request of this route counts as */
function countedOf({ method, right, bodyLimit }: Route): Counted | undefined {
  if (isAdminRight(right)) return "admin-failure";
  if (method === "POST") return bodyLimit > SMALL_BODY ? "attest" : "auth";
  return right === "session" ? "resource" : undefined;
}

/**
 * Gives up the body that has been on its way for longest: senders of many that never end keep out nobody who sends one.
 *
 * @throws CaiError `kbs.busy` where every request under way has arrived
 */
function makeRoom(arriving: Set<AbortController>): void {
  const [longest] = arriving;
  if (longest === undefined) throw new CaiError("kbs.busy", "too many requests are under way");
  arriving.delete(longest);
  longest.abort();
}

/** A proxy on this machine may ask for anybody. @throws CaiError `admin.forbidden` */
function requireLocal({ headers }: Request, { local }: Connection): void {
  if (local && !FORWARDED.some((name) => headers.has(name))) return;
  throw new CaiError("admin.forbidden", "this is for programs of the trustee's own machine");
}

function callOf(
  { raw: { method, headers }, target, requestId }: Exchange,
  body: Uint8Array,
  client: string,
  now: number,
  setContext: Call["setContext"],
): Call {
  const path = pathOf(target);
  const query = new URLSearchParams(target.slice(path.length));
  return { method, path, query, realm: readRealm(query.get("realm")), headers, body, client, requestId, now, setContext };
}

function respond({ keys }: ApplicationParts, { route, raw: { method }, target, requestId }: Exchange, context: Uint8Array, reply: Reply) {
  const { status = 200, body = "", type = "application/json", headers = {} } = reply;
  const bytes = Buffer.from(body);
  const signature = route.signed ? { [SIGNATURE_HEADER]: keys.answers.sign({ method, target, status, context, body: bytes }) } : {};
  const content = body === "" && reply.type === undefined ? {} : { "content-type": type };
  return new Response(bytes, { status, headers: { [REQUEST_ID_HEADER]: requestId, ...content, ...headers, ...signature } });
}

/**
 * Who names its request finds that name in the error, too, where that is of the key broker's form: other forms are compared by the letter
 * (trustee.md §8.1). Nobody else does, so that a denial stays the same bytes whatever it was about (security.md I20, I27); the header is on every answer.
 */
function withRequestId(reply: Reply, { headers }: Request, requestId: string): Reply {
  const { body = "" } = reply;
  const named = headers.get(REQUEST_ID_HEADER) === requestId && body.startsWith('{"type":') && body.endsWith("}");
  return named ? { ...reply, body: `${body.slice(0, -1)},"request":${JSON.stringify(requestId)}}` } : reply;
}

/** The error for a path that no route has; the usual slip is a resource name without `resource/` in front (trustee.md §12). */
function unknownPlace(path: string, routes: readonly Route[]): CaiError {
  const [, first] = /^(?:\/api)?\/kbs\/v0\/([^/]+)/.exec(path) ?? [];
  const known = first !== undefined && routes.some((route) => route.path.startsWith(`${KBS_PREFIX}/${first}/`));
  return known ? new CaiError("kbs.path-invalid", "no call has this path") : new CaiError("kbs.plugin-unknown", "no route has this path");
}

/**
 * @returns path and query as requested. Nothing is cut out of it: what an admin token and the answer's signature are compared with must be
 *   what the route was chosen by, and a `/kbs/v0` further on, in a query for instance, is not that
 */
function targetOf(url: string): string {
  return url.slice(url.indexOf("/", url.indexOf("://") + 3));
}

function pathOf(target: string): string {
  const end = target.indexOf("?");
  return end === -1 ? target : target.slice(0, end);
}
