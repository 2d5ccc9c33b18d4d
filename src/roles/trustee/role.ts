import { RE2JS } from "re2js";
import { z } from "zod";
import { DEFAULT_ROLE } from "../../protocol/index.ts";
import { CaiError } from "../../system/index.ts";
import { realmName } from "./realm.ts";
import { ADMIN_RIGHTS, type AdminRight } from "./rights.ts";
import type { Store } from "./store/index.ts";

/** Rights that may be given one by one. Whoever could give roles could give itself every right, so that one comes with all only. */
const GIVEN_RIGHTS = ADMIN_RIGHTS.filter((right) => right !== "role.write");
const MAX_ENDPOINTS = 32;
const MAX_PATTERN = 1024;

/** The name of a role or of an administrator. */
export const rowName = z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$/, "expected letters, digits, `_`, `-`, `.`, at most 64");

const endpoint = z.string().min(1).max(MAX_PATTERN).refine(isPattern, "expected a regular expression of RE2's syntax");

/** A role as it is stored, and as an administrator sends it. */
export const roleContent = z.strictObject({
  /** the only realm that it acts on; absent: the trustee with all its realms */
  realm: realmName.optional(),
  rights: z.union([z.literal("all"), z.array(z.enum(GIVEN_RIGHTS)).min(1).max(GIVEN_RIGHTS.length)]),
  /** regular expressions of which one must match the whole path of a request (trustee.md §2.2, `allowed_endpoints`) */
  endpoints: z.array(endpoint).min(1).max(MAX_ENDPOINTS).optional(),
});
export type RoleContent = z.output<typeof roleContent>;

/** What an administrator may do. */
export class Role {
  readonly name: string;
  /** the only realm that it acts on; undefined: the trustee with all its realms */
  readonly realm: string | undefined;
  readonly #rights: "all" | ReadonlySet<AdminRight>;
  readonly #endpoints: readonly RE2JS[] | undefined;

  constructor(name: string, { realm, rights, endpoints }: RoleContent) {
    this.name = name;
    this.realm = realm;
    this.#rights = rights === "all" ? "all" : new Set(rights);
    this.#endpoints = endpoints?.map((pattern) => RE2JS.compile(pattern));
  }

  /** Whether nothing limits it: only such a role may say who may do what. */
  get unrestricted(): boolean {
    return this.realm === undefined && this.#rights === "all" && this.#endpoints === undefined;
  }

  /**
   * @param path  of the request, undecoded and without the query
   * @throws CaiError `admin.forbidden`; `kbs.path-invalid` where an expression cannot be held against the path, as it has more than one reading
   */
  require(right: AdminRight, path: string): void {
    const has = right === "role.write" ? this.unrestricted : this.#rights === "all" || this.#rights.has(right);
    if (!has) throw forbidden(`the role ${this.name} has no right to this`, right);
    if (this.#endpoints === undefined) return;
    const normal = normalPath(path);
    // The whole path: `^/kbs/v0/resource/a` is not meant to open `…/resource/ab/…` (security.md I21).
    if (!this.#endpoints.some((pattern) => pattern.matches(normal))) throw forbidden(`the role ${this.name} does not reach this path`);
  }
}

/** The role that every administrator without roles has: everything. */
const ADMIN = new Role(DEFAULT_ROLE, { rights: "all" });

/** The roles of a store, each read once. */
export class Roles {
  readonly #store: Store;
  #rows: ReadonlyMap<string, string> = new Map();
  readonly #read = new Map<string, Role>();

  constructor(store: Store) {
    this.#store = store;
  }

  /** @throws CaiError `admin.forbidden`: a role that is not there has no right to anything */
  async get(name: string): Promise<Role> {
    if (name === DEFAULT_ROLE) return ADMIN;
    const rows = await this.#store.rows("roles");
    if (rows !== this.#rows) this.#read.clear();
    this.#rows = rows;
    const content = rows.get(name);
    if (content === undefined) throw forbidden("the token's role has no right to this");
    const role = this.#read.get(name) ?? new Role(name, roleContent.parse(JSON.parse(content)));
    this.#read.set(name, role);
    return role;
  }
}

/** @returns the error for an administrator who lacks a right */
export function forbidden(message: string, expected?: string): CaiError {
  return new CaiError("admin.forbidden", message, expected === undefined ? {} : { expected });
}

/**
 * @returns the path with each segment decoded once
 * @throws CaiError `kbs.path-invalid` for segments that are empty, lead elsewhere, or hide a separator
 */
function normalPath(path: string): string {
  const segments = path.slice(1).split("/").map(decodedSegment);
  if (path.startsWith("/") && segments.every((segment) => segment !== undefined)) return `/${segments.join("/")}`;
  throw new CaiError("kbs.path-invalid", "the path has more than one reading");
}

function decodedSegment(segment: string): string | undefined {
  try {
    const text = decodeURIComponent(segment);
    return text === "" || text === "." || text === ".." || /[/\\\p{Cc}]/u.test(text) ? undefined : text;
  } catch {
    return undefined;
  }
}

function isPattern(pattern: string): boolean {
  try {
    RE2JS.compile(pattern);
    return true;
  } catch {
    return false;
  }
}
