import { equal, KeyedMembers, objectOf, RegoSet, type Value } from "./value.ts";

/** Thrown where two rules give one place different values; whoever catches it knows the position. */
export class Conflict extends Error {}

/** Collects what the rules of one partial document contribute: members of sets and values, at paths of any keys. */
export class DocumentBuilder {
  readonly #children = new KeyedMembers<Value | DocumentBuilder>();

  /** the sets that grow here; any other set is a rule's finished value */
  readonly #sets = new Set<unknown>();

  /** Puts a value at a path of at least one key. */
  put(path: readonly Value[], value: Value): void {
    const { holder, key } = this.#holder(path);
    const old = holder.#node(key);
    if (old !== undefined && (old instanceof DocumentBuilder || !equal(old, value))) {
      throw new Conflict("rules give one key different values");
    }
    holder.#children.set(key, value);
  }

  /** Adds a member to the set at a path of at least one key. */
  addTo(path: readonly Value[], element: Value): void {
    const { holder, key } = this.#holder(path);
    const old = holder.#node(key);
    if (old === undefined) {
      const set = new RegoSet([element]);
      holder.#sets.add(set);
      holder.#children.set(key, set);
    } else if (old instanceof RegoSet && holder.#sets.has(old)) old.add(element);
    else throw new Conflict("rules give one key a set and another value");
  }

  #holder(path: readonly Value[]): { readonly holder: DocumentBuilder; readonly key: Value } {
    let holder: DocumentBuilder = this;
    for (const key of path.slice(0, -1)) {
      const old = holder.#node(key);
      const child = old === undefined ? new DocumentBuilder() : old;
      if (!(child instanceof DocumentBuilder)) throw new Conflict("rules give one key a value and members below it");
      holder.#children.set(key, child);
      holder = child;
    }
    return { holder, key: path.at(-1)! };
  }

  #node(key: Value): Value | DocumentBuilder | undefined {
    return this.#children.get(key);
  }

  /** Takes over what another builder has, below a path. */
  take(prefix: readonly Value[], from: DocumentBuilder): void {
    for (const [key, child] of from.#children.all()) {
      const path = [...prefix, key];
      if (child instanceof DocumentBuilder) this.take(path, child);
      else if (from.#sets.has(child)) this.takeSet(path, child as RegoSet);
      else this.put(path, child);
    }
  }

  /** Adds every member of a partial set. */
  takeSet(path: readonly Value[], set: RegoSet): void {
    for (const element of set.values()) this.addTo(path, element);
  }

  get size(): number {
    return this.#children.size;
  }

  done(): Value {
    const built = new KeyedMembers<Value>();
    for (const [key, child] of this.#children.all()) {
      built.set(key, child instanceof DocumentBuilder ? child.done() : child);
    }
    return objectOf(built);
  }
}
