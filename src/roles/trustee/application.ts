import { Hono } from "hono";
import { bodyContext, KBS_PREFIX, KEYLESS_CONTEXT, type PeerFamily, SIGNATURE_HEADER } from "../../protocol/index.ts";
import { CaiError, isLoopbackHost, type Logger } from "../../system/index.ts";
import { type AdminScope, adminScope } from "./admin-scope.ts";
import type { AdministratorCheck } from "./administrators.ts";
import { ByteBudget } from "./byte-budget.ts";
import { errorAnswer } from "./error-answer.ts";
import type { TrusteeKeys } from "./identity.ts";
import { bearerOf } from "./presented-token.ts";
import { type Realms, readRealm } from "./realm.ts";
import type { Recorder } from "./recorder.ts";
import { readBody } from "./request-body.ts";
import { type AdminRight, isAdminRight } from "./rights.ts";
import type { Role } from "./role.ts";
import { type Call, mountsOf, type Reply, type Route } from "./route.ts";
import { ROOT_REALM } from "./store/index.ts";

/** How long a body may take to arrive, milliseconds. */
const BODY_TIMEOUT_MS = 30_000;
/** Requests under way at a time; for one more, the body that has been on its way for longest is given up (security.md I40). */
const MAX_REQUESTS = 1024;
/** Bytes of all bodies that are held at a time. */
const MAX_BODIES = 128 * 1024 * 1024;

export interface ApplicationParts {
  readonly keys: TrusteeKeys;
  readonly administrators: AdministratorCheck;
  readonly realms: Realms;
  /** whether routes that say so are read without a token (trustee.md §1.2); never one that writes (security.md I23) */
  readonly legacyOpen: boolean;
  readonly recorder: Recorder;
  readonly logger: Logger;
  readonly clock: () => number;
  /** true where the listener itself speaks TLS */
  readonly tls: boolean;
  /** whose statuses and words errors have */
  readonly family: PeerFamily;
}

/** The methods that routes have, in the order of the header Allow. */
const METHODS = ["GET", "POST", "DELETE"] as const;

/** What the server hands to the application with each request. */
interface Connection {
  /** the address at the other end, as text */
  readonly client: string;
}

export interface Application {
  fetch(request: Request, connection: Connection): Response | Promise<Response>;
}

/** Makes the HTTP application out of the router table. */
export function createApplication(parts: ApplicationParts, routes: readonly Route[]): Application {
  const app = new Hono<{ Bindings: Connection }>();
  const budget = new ByteBudget(MAX_BODIES);
  // In the order in which they began.
  const arriving = new Set<AbortController>();
  let active = 0;
  for (const [route, mount] of routes.flatMap((route) => mountsOf(route).map((mount) => [route, mount] as const))) {
    app.on(route.method, mount + route.path, async (context) => {
      const { raw } = context.req;
      // What an admin token and the answer's signature are about is the path from the route's own prefix on, wherever that is mounted.
      const target = targetOf(raw.url).slice(mount.length);
      let signing = { context: KEYLESS_CONTEXT };
      let reply: Reply;
      let authorized = false;
      let held = 0;
      active++;
      try {
        if (active > MAX_REQUESTS) makeRoom(arriving);
        const arrival = new AbortController();
        arriving.add(arrival);
        const take = (bytes: number) => {
          budget.take(bytes);
          held += bytes;
        };
        const reading = readBody(raw, route.bodyLimit, BODY_TIMEOUT_MS, take, arrival.signal);
        const body = await reading.finally(() => arriving.delete(arrival));
        if (raw.method !== "GET") signing = { context: bodyContext(body) };
        let call = callOf(raw, target, body, context.env.client, parts.clock(), (value) => {
          signing = { context: value };
        });
        if (isAdminRight(route.right)) {
          const role = isOpen(parts, route, call) ? undefined : await requireAdmin(parts, route, call, target);
          authorized = true;
          const scope = role && (await requireScope(parts, role, { ...route, right: route.right }, call));
          call = { ...call, ...(scope ?? { realm: ROOT_REALM, confinedTo: ROOT_REALM }) };
        }
        reply = await route.handle(call);
        if (authorized && route.method !== "GET") await parts.recorder.record({ ...adminDecision(route, call), outcome: "allowed" });
      } catch (error) {
        reply =
          route.refuse?.(CaiError.from(error), authorized) ??
          errorAnswer(error, { place: route.place, family: parts.family, path: pathOf(target), authorized }, parts.logger);
      } finally {
        active--;
        budget.give(held);
      }
      return respond(parts, route, raw.method, target, signing.context, reply);
    });
  }
  const refuse = (error: unknown, path: string, headers: Record<string, string> = {}) => {
    const surroundings = { place: "resource", family: parts.family, path, authorized: false } as const;
    const { status = 500, body = "" } = errorAnswer(error, surroundings, parts.logger);
    return new Response(body, { status, headers: { "content-type": "application/json", ...headers } });
  };
  app.notFound(({ req }) => {
    const allowed = METHODS.filter((method) => app.router.match(method, req.path)[0].length > 0);
    const path = pathOf(targetOf(req.raw.url));
    if (allowed.length === 0) return refuse(unknownPlace(path, routes), path);
    return refuse(new CaiError("kbs.method-unsupported", `${path} has no ${req.method}`), path, { allow: allowed.join(", ") });
  });
  app.onError((error, { req }) => refuse(error, pathOf(targetOf(req.raw.url))));
  return { fetch: (request, connection) => app.fetch(request, connection) };
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

/** Whether a reading is one that the operator left open: without a token, and of the root realm only. */
function isOpen({ legacyOpen }: ApplicationParts, route: Route, { headers, query }: Call): boolean {
  const named = query.get("realm") ?? ROOT_REALM;
  return legacyOpen && route.legacyOpen === true && route.method === "GET" && !headers.has("authorization") && named === ROOT_REALM;
}

async function requireAdmin(parts: ApplicationParts, route: Route, call: Call, target: string): Promise<Role> {
  const privateConnection = parts.tls || isLoopbackHost(call.client);
  const request = { method: call.method, target, body: call.body };
  try {
    return (await parts.administrators.require(bearerOf(call.headers), request, privateConnection, call.now)).role;
  } catch (error) {
    throw await parts.recorder.deny(error, adminDecision(route, call));
  }
}

/** What a role has no right to is a denial; a request that names nothing is only a mistake. */
async function requireScope(
  parts: ApplicationParts,
  role: Role,
  route: Route & { readonly right: AdminRight },
  call: Call,
): Promise<AdminScope> {
  try {
    return await adminScope(role, route, call, parts.realms);
  } catch (error) {
    if (CaiError.from(error).id !== "admin.forbidden") throw error;
    throw await parts.recorder.deny(error, adminDecision(route, call));
  }
}

function adminDecision(route: Route, call: Call): { time: number; kind: "admin"; realm: string; subject: string; client: string } {
  // The route's pattern where the path was not yet judged: a record must not be something that a stranger fills at will.
  const subject = call.path.length <= 512 ? call.path : route.path;
  return { time: call.now, kind: "admin", realm: call.realm, subject: `${call.method} ${subject}`, client: call.client };
}

function callOf(
  { method, headers }: Request,
  target: string,
  body: Uint8Array,
  client: string,
  now: number,
  setContext: Call["setContext"],
): Call {
  const path = pathOf(target);
  const query = new URLSearchParams(target.slice(path.length));
  return { method, path, query, realm: readRealm(query.get("realm")), headers, body, client, now, setContext };
}

function respond(parts: ApplicationParts, route: Route, method: string, target: string, context: Uint8Array, reply: Reply): Response {
  const { status = 200, body = "", type = "application/json", headers = {} } = reply;
  const bytes = Buffer.from(body);
  const signature = route.signed ? { [SIGNATURE_HEADER]: parts.keys.answers.sign({ method, target, status, context, body: bytes }) } : {};
  const content = body === "" && reply.type === undefined ? {} : { "content-type": type };
  return new Response(bytes, { status, headers: { ...content, ...headers, ...signature } });
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
