import { z } from "zod";
import type { ResourcePath } from "../../protocol/index.ts";
import { CaiError } from "../../system/index.ts";
import { ROOT_REALM, type Store } from "./store/index.ts";

/** One to three segments, as resource paths have them. */
const REALM = /^[A-Za-z0-9_-][A-Za-z0-9_.-]*(\/[A-Za-z0-9_-][A-Za-z0-9_.-]*){0,2}$/;
const MAX_REALM = 256;

const isRealm = (text: string): boolean => text === ROOT_REALM || (text.length <= MAX_REALM && REALM.test(text) && !text.includes(".."));

/** The name of a realm in JSON. */
export const realmName = z.string().refine(isRealm, "expected repository, repository/type or repository/type/tag");

/**
 * Reads the name of a realm: the prefix of resource paths that it has, in whole segments (security.md I21).
 *
 * @param text  null for the root realm
 * @throws CaiError `kbs.path-invalid`
 */
export function readRealm(text: string | null): string {
  if (text === null || isRealm(text)) return text ?? ROOT_REALM;
  throw new CaiError("kbs.path-invalid", "the realm is no prefix of resource paths", {
    expected: "repository, repository/type or repository/type/tag",
    got: text.slice(0, 64),
  });
}

/** What a realm's row says. Everything else about a realm is in the rows that bear its name. */
export const realmContent = z.strictObject({
  description: z.string().max(512).optional(),
  /** attestation-service tokens open its resources, too, where they were appraised under one of these policies (security.md I6, §6) */
  accept_as_tokens: z.strictObject({ policy_ids: z.array(z.string().min(1).max(128)).min(1).max(16) }).optional(),
});
export type RealmContent = z.output<typeof realmContent>;

/** The realms of a store: prefixes of resource paths that are declared, and the root realm for the rest (security.md I21). */
export class Realms {
  readonly #store: Store;
  #rows: ReadonlyMap<string, string> = new Map();
  #contents: ReadonlyMap<string, RealmContent> = new Map();

  constructor(store: Store) {
    this.#store = store;
  }

  /** @returns what is declared, by name; the root realm only where something was said of it */
  async all(): Promise<ReadonlyMap<string, RealmContent>> {
    const rows = await this.#store.rows("realms");
    if (rows !== this.#rows) {
      this.#contents = new Map([...rows].map(([name, text]) => [name, realmContent.parse(JSON.parse(text))]));
      this.#rows = rows;
    }
    return this.#contents;
  }

  /** @returns the realm that a resource belongs to: that of the longest declared prefix, compared segment by segment */
  async of(path: readonly string[] | ResourcePath): Promise<string> {
    const declared = await this.all();
    const segments = "repository" in path ? [path.repository, path.type, path.tag] : path;
    for (let count = segments.length; count > 0; count--) {
      const prefix = segments.slice(0, count).join("/");
      if (declared.has(prefix)) return prefix;
    }
    return ROOT_REALM;
  }

  /** @throws CaiError `kbs.realm-missing` for a name that is not declared */
  async require(name: string): Promise<void> {
    if (name !== ROOT_REALM && !(await this.all()).has(name)) throw missingRealm(name);
  }

  async content(name: string): Promise<RealmContent> {
    return (await this.all()).get(name) ?? {};
  }
}

/** @returns the error for a realm that is not declared */
export function missingRealm(name: string): CaiError {
  return new CaiError("kbs.realm-missing", `there is no realm ${JSON.stringify(name)}`);
}
