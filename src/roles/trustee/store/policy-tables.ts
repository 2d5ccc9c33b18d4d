import { type Policies, type PolicyKind, type References, type ReferenceValue, ROOT_REALM, type StoreCore } from "./store.ts";

/** Stands between a realm and the key within it; no realm, policy id or name of a value holds control characters. */
const REALM_END = "\u001f";

/** @returns the key of a row that belongs to a realm; those of the root realm are the keys alone */
export function realmKey(realm: string, key: string): string {
  return realm === ROOT_REALM ? key : `${realm}${REALM_END}${key}`;
}

/** @returns the rows of one realm by their keys within it */
export function rowsOfRealm(rows: ReadonlyMap<string, string>, realm: string): Map<string, string> {
  if (realm === ROOT_REALM) return new Map([...rows].filter(([key]) => !key.includes(REALM_END)));
  const prefix = realmKey(realm, "");
  return new Map([...rows].filter(([key]) => key.startsWith(prefix)).map(([key, text]) => [key.slice(prefix.length), text]));
}

/** Policies in an authenticated table; the key of a row within its realm is `<kind>/<id>`. */
export class StoredPolicies implements Policies {
  readonly #core: StoreCore;

  constructor(core: StoreCore) {
    this.#core = core;
  }

  async get(realm: string, kind: PolicyKind, id: string): Promise<string | undefined> {
    return (await this.#core.rows("policies")).get(realmKey(realm, `${kind}/${id}`));
  }

  async put(realm: string, kind: PolicyKind, id: string, text: string): Promise<void> {
    await this.#core.change(["policies"], () => ({ policies: { put: [[realmKey(realm, `${kind}/${id}`), text]] } }));
  }

  async delete(realm: string, kind: PolicyKind, id: string): Promise<boolean> {
    return (await this.#core.change(["policies"], () => ({ policies: { remove: [realmKey(realm, `${kind}/${id}`)] } }))) > 0;
  }

  async list(realm: string, kind: PolicyKind): Promise<{ id: string; text: string }[]> {
    const prefix = `${kind}/`;
    return [...rowsOfRealm(await this.#core.rows("policies"), realm)]
      .filter(([key]) => key.startsWith(prefix))
      .map(([key, text]) => ({ id: key.slice(prefix.length), text }));
  }
}

/** Reference values in an authenticated table; the key of a row within its realm is the name. */
export class StoredReferences implements References {
  readonly #core: StoreCore;
  #rows: ReadonlyMap<string, string> | undefined;
  readonly #values = new Map<string, ReadonlyMap<string, ReferenceValue>>();

  constructor(core: StoreCore) {
    this.#core = core;
  }

  async update(realm: string, decide: Parameters<References["update"]>[1]): Promise<void> {
    await this.#core.change(["reference_values"], ({ reference_values: rows }) => {
      const values = decide(parsed(rowsOfRealm(rows, realm)));
      return { reference_values: { put: values.map((value) => [realmKey(realm, value.name), JSON.stringify(value)] as const) } };
    });
  }

  async delete(realm: string, name: string): Promise<boolean> {
    return (await this.#core.change(["reference_values"], () => ({ reference_values: { remove: [realmKey(realm, name)] } }))) > 0;
  }

  async all(realm: string): Promise<ReadonlyMap<string, ReferenceValue>> {
    const rows = await this.#core.rows("reference_values");
    if (rows !== this.#rows) {
      this.#values.clear();
      this.#rows = rows;
    }
    const known = this.#values.get(realm) ?? parsed(rowsOfRealm(rows, realm));
    this.#values.set(realm, known);
    return known;
  }
}

function parsed(rows: ReadonlyMap<string, string>): ReadonlyMap<string, ReferenceValue> {
  return new Map([...rows].map(([name, text]) => [name, JSON.parse(text) as ReferenceValue]));
}
