import type { MacedTable } from "./maced-table.ts";
import type { Policies, PolicyKind, References, ReferenceValue } from "./store.ts";

/** Policies in an authenticated table; the key of a row is `<kind>/<id>`. */
export class StoredPolicies implements Policies {
  readonly #table: MacedTable;

  constructor(table: MacedTable) {
    this.#table = table;
  }

  async get(kind: PolicyKind, id: string): Promise<string | undefined> {
    return this.#table.all().get(`${kind}/${id}`);
  }

  async put(kind: PolicyKind, id: string, text: string): Promise<void> {
    this.#table.putAll([[`${kind}/${id}`, text]]);
  }

  async delete(kind: PolicyKind, id: string): Promise<boolean> {
    return this.#table.delete(`${kind}/${id}`);
  }

  async list(kind: PolicyKind): Promise<{ id: string; text: string }[]> {
    const prefix = `${kind}/`;
    return [...this.#table.all()].filter(([key]) => key.startsWith(prefix)).map(([key, text]) => ({ id: key.slice(prefix.length), text }));
  }
}

/** Reference values in an authenticated table; the key of a row is the name. */
export class StoredReferences implements References {
  readonly #table: MacedTable;
  #rows: ReadonlyMap<string, string> | undefined;
  #values: ReadonlyMap<string, ReferenceValue> = new Map();

  constructor(table: MacedTable) {
    this.#table = table;
  }

  async putAll(values: readonly ReferenceValue[]): Promise<void> {
    this.#table.putAll(values.map((value) => [value.name, JSON.stringify(value)] as const));
  }

  async delete(name: string): Promise<boolean> {
    return this.#table.delete(name);
  }

  async all(): Promise<ReadonlyMap<string, ReferenceValue>> {
    const rows = this.#table.all();
    if (rows !== this.#rows) {
      this.#values = new Map([...rows].map(([name, text]) => [name, JSON.parse(text) as ReferenceValue]));
      this.#rows = rows;
    }
    return this.#values;
  }
}
