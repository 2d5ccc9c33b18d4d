import { createHash } from "node:crypto";
import { CaiError, type Logger } from "../../system/index.ts";
import { type AdminScope, adminScope } from "./admin-scope.ts";
import type { Administrator, AdministratorCheck } from "./administrators.ts";
import { bearerOf } from "./presented-token.ts";
import type { Realms } from "./realm.ts";
import type { DecisionSubject, Recorder } from "./recorder.ts";
import type { AdminRight } from "./rights.ts";
import type { Call, Reply, Route } from "./route.ts";
import { ROOT_REALM } from "./store/index.ts";

/** What administrators are let in by, and what their changes are written down with. */
export interface AdmissionParts {
  readonly administrators: AdministratorCheck;
  readonly recorder: Recorder;
  readonly logger: Logger;
  readonly realms: Realms;
  /** whether the readings that upstream leaves open are open here, too (trustee.md §1.2) */
  readonly legacyOpen: boolean;
}

/** A request of an administrator's route. */
export interface AdminRequestCall {
  readonly route: Route & { readonly right: AdminRight };
  readonly call: Call;
  /** path and query from the route's own prefix on */
  readonly target: string;
  /** whether nobody else can read the connection (security.md I24) */
  readonly privateConnection: boolean;
  /** what a record says of it */
  readonly about: DecisionSubject;
  /** called before a denial is written down, which takes time that others could use to guess on */
  readonly refused: () => void;
}

/** Who was let in, and for what. */
interface Admitted {
  /** undefined where the reading is open to everybody */
  readonly administrator: Administrator | undefined;
  readonly scope: AdminScope;
}

/**
 * Lets an administrator in whose role has the route's right, for what the request is about (security.md I21, I23).
 *
 * @throws CaiError `admin.…`, `trustee.clock-behind`, `kbs.realm-missing`, `kbs.path-invalid`
 */
export async function admit(parts: AdmissionParts, request: AdminRequestCall): Promise<Admitted> {
  if (isOpen(parts, request)) return { administrator: undefined, scope: { realm: ROOT_REALM, confinedTo: ROOT_REALM } };
  const administrator = await requireAdmin(parts, request);
  return { administrator, scope: await requireScope(parts, administrator, request) };
}

/** Whether a reading is one that the operator left open: without a token, and of the root realm only. */
function isOpen({ legacyOpen }: AdmissionParts, { route, call: { headers, query } }: AdminRequestCall): boolean {
  const named = query.get("realm") ?? ROOT_REALM;
  return legacyOpen && route.legacyOpen === true && route.method === "GET" && !headers.has("authorization") && named === ROOT_REALM;
}

async function requireAdmin(
  parts: AdmissionParts,
  { call, target, privateConnection, about, refused }: AdminRequestCall,
): Promise<Administrator> {
  const request = { method: call.method, target, body: call.body };
  try {
    return await parts.administrators.require(bearerOf(call.headers), request, privateConnection, call.now);
  } catch (error) {
    refused();
    throw await parts.recorder.deny(error, about);
  }
}

/** What a role has no right to is a denial; a request that names nothing is only a mistake. */
async function requireScope(
  parts: AdmissionParts,
  administrator: Administrator,
  { route, call, about, refused }: AdminRequestCall,
): Promise<AdminScope> {
  try {
    return await adminScope(administrator.role, route, call, parts.realms);
  } catch (error) {
    if (CaiError.from(error).id !== "admin.forbidden") throw error;
    refused();
    throw await denyAdministrator(parts.recorder, { about, administrator }, error);
  }
}

/** Who administers, as records name them. */
const named = ({ name, role }: Administrator) => ({ name, role: role.name });

/** Rights over what is secret: nothing that is computed from a body is kept, for a short secret could be guessed from it. */
const SECRET: ReadonlySet<string> = new Set(["resource.write", "key.write"]);

/** @returns what a record says of a request of an administrator's route. To be called before the handler, which may wipe the body */
export function adminDecision(route: Route, call: Call): DecisionSubject {
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

/** What an administrator does, for its record. */
export interface AdminWrite {
  readonly about: DecisionSubject;
  readonly administrator: Administrator;
}

/** Writes down a change that was made. */
export async function recordChange(recorder: Recorder, { about, administrator }: AdminWrite, { change }: Reply): Promise<void> {
  const draft = recorder.begin(about);
  draft.note({ detail: { administrator: named(administrator), ...(change && { change }) } });
  await draft.allow();
}

/**
 * Writes down a change that failed: it may have been made in part, or wholly but for its record. Where that cannot be written down either, the
 * log says so.
 *
 * @returns the error to answer with
 */
export async function recordFailure({ recorder, logger }: AdmissionParts, write: AdminWrite, thrown: unknown): Promise<unknown> {
  try {
    return await denyAdministrator(recorder, write, thrown);
  } catch {
    const { subject, request, client } = write.about;
    const { administrator } = write;
    const fields = { subject, request, client, administrator: administrator.name, role: administrator.role.name };
    logger.error("a change that failed has no record", { ...fields, error: CaiError.from(thrown).id });
    return thrown;
  }
}

/** The denial of somebody who is known: no flood of strangers' denials takes its record away. @returns the error to throw */
async function denyAdministrator(recorder: Recorder, { about, administrator }: AdminWrite, thrown: unknown): Promise<CaiError> {
  const draft = recorder.begin(about);
  draft.note({ attested: true, detail: { administrator: named(administrator) } });
  return draft.deny(thrown);
}
