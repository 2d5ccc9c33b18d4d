import type { z } from "zod";
import { type ErrorPlace, KBS_PREFIX, type ResourcePath } from "../../protocol/index.ts";
import { CaiError, type JsonObject } from "../../system/index.ts";
import type { AdminRight } from "./rights.ts";

/** A request after its route is known, its body read and its right checked. */
export interface Call {
  readonly method: string;
  /** the path as requested, undecoded, without the query and without the prefix that the route was reached under */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Headers;
  readonly body: Uint8Array;
  /**
   * the realm that an administrator's request is about: that of the resource in the path; else that of the query's member `realm`, of the
   * administrator's role, or the root
   */
  readonly realm: string;
  /** the only realm that the request may be about; undefined where an administrator of all realms named none */
  readonly confinedTo?: string;
  /** who asks, for records: the address that connected, or what a trusted proxy says (security.md I18) */
  readonly client: string;
  /** names this request in logs, in its answer, and wherever its sender had named it before */
  readonly requestId: string;
  /** seconds since 1970 */
  readonly now: number;
  /** says for whom a GET is answered, once that is known; the answer's signature covers it (security.md §3.4) */
  setContext(context: Uint8Array): void;
}

export interface Reply {
  readonly status?: number;
  /** nothing by default */
  readonly body?: string;
  /** default: `application/json` where there is a body */
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** what an administrator changed, for the record: names, digests and sizes, never a secret or anything that tells one (security.md I27) */
  readonly change?: JsonObject;
}

/**
 * What a caller must have: nothing; a session cookie or attestation token, which the handler checks; a connection from this machine, as the address
 * says and no proxy's header denies; an admin token with that right, which is checked before the handler runs (security.md I23).
 */
type Right = "public" | "session" | "local" | AdminRight;

/** What a route is for and what goes over it, for the OpenAPI document. */
export interface RouteDescription {
  /** one line */
  readonly summary: string;
  /** the body: its schema where it is JSON, else its media type */
  readonly request?: z.ZodType | string;
  /** the body of the answer, where there is one */
  readonly response?: z.ZodType | string;
  /** what the `*` at the end of the path stands for */
  readonly rest?: string;
  /** the members of the query besides `realm`, each with its schema; all of them may be left out */
  readonly query?: z.ZodObject;
}

/**
 * What an administrator's request is about: what one realm has; the trustee as a whole; or resources, whose paths say which realm they are
 * of (security.md I21).
 */
export type RouteScope = "realm" | "trustee" | ((call: Pick<Call, "path" | "body">) => readonly ResourcePath[]);

/** One line of the router table. */
export interface Route {
  readonly method: "GET" | "POST" | "DELETE";
  /** a pattern of the router: `*` at the end stands for the rest of the path */
  readonly path: string;
  /** prefixes under which the route is reached, too, or instead: `""` is the path itself; default: see {@link mountsOf} */
  readonly mounts?: readonly string[];
  readonly right: Right;
  readonly about: RouteDescription;
  /** what an administrator's request is about; default: the realm of the query for rights over what realms have, else the trustee */
  readonly scope?: RouteScope;
  /** read without a token where the operator said so (trustee.md §1.2, `admin.legacy_open_attestation_policy`); never a route that writes */
  readonly legacyOpen?: true;
  /** bytes */
  readonly bodyLimit: number;
  /** the part of the protocol that decides how errors are answered */
  readonly place: ErrorPlace;
  /** whether the answer carries the trustee's signature */
  readonly signed: boolean;
  /** how errors are answered, where not as the key broker does */
  readonly refuse?: (error: CaiError, authorized: boolean) => Reply;
  handle(call: Call): Promise<Reply>;
}

/**
 * @returns the prefixes under which a route is reached: those of the key broker also under `/api`, as behind upstream's gateway
 *   (trustee.md §8.1)
 */
export function mountsOf({ path, mounts }: Pick<Route, "path" | "mounts">): readonly string[] {
  return mounts ?? (path.startsWith(`${KBS_PREFIX}/`) ? ["", "/api"] : [""]);
}

/** Bodies of routes that have none, and of messages without evidence or secrets. */
export const NO_BODY = 0;
export const SMALL_BODY = 64 * 1024;
/** trustee.md §1.1 */
export const DEFAULT_BODY = 2 * 1024 * 1024;

/**
 * @param pattern  a route's path that ends with `*`
 * @returns what stands for the `*`, undecoded
 * @throws CaiError `kbs.path-invalid`: the path reached the route in an encoded spelling, which the rest must not be cut out of
 */
export function restOf(path: string, pattern: string): string {
  const prefix = pattern.slice(0, -1);
  if (path.startsWith(prefix)) return path.slice(prefix.length);
  throw new CaiError("kbs.path-invalid", "the path is spelled with encoded characters", { expected: prefix });
}
