import { createHash } from "node:crypto";
import { Hono } from "hono";
import { bodyContext, encodeErrorAnswer, KBS_PREFIX, KEYLESS_CONTEXT, SIGNATURE_HEADER } from "../../protocol/index.ts";
import { CaiError, isLoopbackHost, type Logger } from "../../system/index.ts";
import type { AdministratorCheck } from "./administrators.ts";
import { ByteBudget } from "./byte-budget.ts";
import { errorAnswer } from "./error-answer.ts";
import type { TrusteeKeys } from "./identity.ts";
import { bearerOf } from "./rcar-routes.ts";
import { readRealm } from "./realm.ts";
import type { DecisionSubject, Recorder } from "./recorder.ts";
import { readBody } from "./request-body.ts";
import { isAdminRight } from "./rights.ts";
import { type Administrator, type Call, mountsOf, type Reply, type Route } from "./route.ts";

/** How long a body may take to arrive, milliseconds. */
const BODY_TIMEOUT_MS = 30_000;
/** Requests under way at a time; for one more, the body that has been on its way for longest is given up (security.md I40). */
const MAX_REQUESTS = 1024;
/** Bytes of all bodies that are held at a time. */
const MAX_BODIES = 128 * 1024 * 1024;

export interface ApplicationParts {
  readonly keys: TrusteeKeys;
  readonly administrators: AdministratorCheck;
  readonly recorder: Recorder;
  readonly logger: Logger;
  readonly clock: () => number;
  /** true where the listener itself speaks TLS */
  readonly tls: boolean;
}

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
        const call = callOf(raw, target, body, context.env.client, parts.clock(), (value) => {
          signing = { context: value };
        });
        // Taken before the handler, which may wipe the body.
        const about = isAdminRight(route.right) ? adminDecision(route, call) : undefined;
        let administrator: Administrator | undefined;
        if (about !== undefined) {
          administrator = await requireAdmin(parts, about, call, target);
          authorized = true;
        }
        reply = await route.handle({ ...call, ...(administrator && { administrator }) });
        if (about !== undefined && route.method !== "GET") await recordChange(parts.recorder, about, administrator, reply);
      } catch (error) {
        reply = errorAnswer(error, route.place, authorized, parts.logger);
      } finally {
        active--;
        budget.give(held);
      }
      return respond(parts, route, raw.method, target, signing.context, reply);
    });
  }
  app.notFound(({ req }) => unknownPlace(pathOf(targetOf(req.raw.url))));
  app.onError((error) => {
    const { status, body } = encodeErrorAnswer("internal.unexpected", "resource");
    parts.logger.error("request failed", { error: "internal.unexpected", reason: error.message });
    return new Response(body, { status, headers: { "content-type": "application/json" } });
  });
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

async function requireAdmin(parts: ApplicationParts, about: DecisionSubject, call: Call, target: string): Promise<Administrator> {
  const privateConnection = parts.tls || isLoopbackHost(call.client);
  const request = { method: call.method, target, body: call.body };
  try {
    const { role } = await parts.administrators.require(bearerOf(call.headers), request, privateConnection, call.now);
    return { role };
  } catch (error) {
    throw await parts.recorder.deny(error, about);
  }
}

/** Rights over what is secret: nothing that is computed from a body is kept, for a short secret could be guessed from it. */
const SECRET: ReadonlySet<string> = new Set(["resource.write", "key.write"]);

function adminDecision(route: Route, call: Call): DecisionSubject {
  // The route's pattern where the path was not yet judged: a record must not be something that a stranger fills at will.
  const subject = call.path.length <= 512 ? call.path : route.path;
  const digest = call.body.length > 0 && !SECRET.has(route.right) ? createHash("sha256").update(call.body).digest("hex") : undefined;
  return {
    time: call.now,
    kind: "admin",
    subject: `${call.method} ${subject}`,
    client: call.client,
    request: call.requestId,
    ...(call.realm !== "" && { realm: call.realm }),
    ...(digest !== undefined && { digest }),
  };
}

async function recordChange(
  recorder: Recorder,
  about: DecisionSubject,
  administrator: Administrator | undefined,
  { change }: Reply,
): Promise<void> {
  const draft = recorder.begin(about);
  draft.note({ detail: { ...(administrator && { administrator }), ...(change && { change }) } });
  await draft.allow();
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

/** The answer to a path that no route has; the usual slip is a resource name without `resource/` in front. */
function unknownPlace(path: string): Response {
  const hint =
    path.startsWith(`${KBS_PREFIX}/`) || path.startsWith(`/api${KBS_PREFIX}/`)
      ? { reason: "resources are at resource/{repository}/{type}/{tag}" }
      : {};
  const { status, body } = encodeErrorAnswer("kbs.plugin-unknown", "resource", hint);
  return new Response(body, { status, headers: { "content-type": "application/json" } });
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
