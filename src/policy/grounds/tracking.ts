import type { JsonObject, JsonValue } from "../../system/index.ts";

/** Things that one tracking notes at most; beyond, it still answers, and says that it is not complete. */
const MAXIMUM_READS = 4096;

/** What stood at a place that was read: a scalar as it is; of anything else, only that it was there. */
type Found = string | number | boolean | null | undefined | "array" | "object";

/** One thing that was read of a document. */
export interface Read {
  /** from the root of the document */
  readonly path: readonly string[];
  /** `member`: what stands there · `has`: whether something does · `keys`: the names of what stands there */
  readonly kind: "member" | "has" | "keys";
  readonly found: Found | string;
  /** true where `found` is the kind of what stands there, and not itself */
  readonly compound: boolean;
}

/** Notes everything that is read of a JSON document. Reading it gives what reading the document itself gives. */
export class Tracking<T extends JsonObject = JsonObject> {
  /** reads as the document does, and notes that */
  readonly document: T;
  readonly #reads: Read[] = [];
  readonly #seen = new Set<string>();
  readonly #wrapped = new WeakMap<object, object>();

  constructor(document: T) {
    this.document = this.#wrap(document, []) as T;
  }

  /** what was read, in the order of the first time */
  get reads(): readonly Read[] {
    return this.#reads;
  }

  /** false where more was read than is noted */
  get complete(): boolean {
    return this.#reads.length < MAXIMUM_READS;
  }

  #note(path: readonly string[], kind: Read["kind"], value: JsonValue | undefined): void {
    if (!this.complete) return;
    const key = `${kind}\0${path.join("\0")}`;
    if (this.#seen.has(key)) return;
    this.#seen.add(key);
    const compound = typeof value === "object" && value !== null;
    this.#reads.push({ path, kind, compound, found: compound ? kindOf(value) : value });
  }

  #wrap(value: object, path: readonly string[]): object {
    let wrapped = this.#wrapped.get(value);
    if (wrapped !== undefined) return wrapped;
    const look = (target: object, key: string | symbol) => {
      if (typeof key === "string") this.#note([...path, key], "has", Object.hasOwn(target, key));
    };
    wrapped = new Proxy(value, {
      get: (target, key) => {
        // What is inherited is the runtime's, and no part of the document.
        if (typeof key !== "string" || !Object.hasOwn(target, key)) {
          look(target, key);
          return Reflect.get(target, key) as unknown;
        }
        const own = (target as Record<string, JsonValue>)[key];
        const place = [...path, key];
        this.#note(place, "member", own);
        return typeof own === "object" && own !== null ? this.#wrap(own, place) : own;
      },
      has: (target, key) => {
        look(target, key);
        return Reflect.has(target, key);
      },
      getOwnPropertyDescriptor: (target, key) => {
        look(target, key);
        return Reflect.getOwnPropertyDescriptor(target, key);
      },
      ownKeys: (target) => {
        if (Array.isArray(target)) this.#note([...path, "length"], "member", target.length);
        else this.#note(path, "keys", keysOf(target));
        return Reflect.ownKeys(target);
      },
    });
    this.#wrapped.set(value, wrapped);
    return wrapped;
  }
}

/**
 * Whether another document gives the same wherever the first one was read: what depends on nothing else comes out the same then.
 *
 * @param passed  places that need not be the same
 */
export function readsAlike(reads: readonly Read[], document: JsonObject, passed: (path: readonly string[]) => boolean): boolean {
  return reads.every(({ path, kind, found, compound }) => {
    if (passed(path)) return true;
    const value = at(document, path);
    if (kind === "keys") return typeof value === "object" && value !== null && keysOf(value) === found;
    if (kind === "has") return (value !== undefined) === found;
    const isCompound = typeof value === "object" && value !== null;
    return compound ? isCompound && kindOf(value) === found : !isCompound && value === found;
  });
}

function at(document: JsonObject, path: readonly string[]): JsonValue | undefined {
  let value: JsonValue | undefined = document;
  for (const step of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, step)) return undefined;
    value = (value as JsonObject)[step];
  }
  return value;
}

const kindOf = (value: object): "array" | "object" => (Array.isArray(value) ? "array" : "object");
const keysOf = (value: object): string => JSON.stringify(Object.keys(value));
