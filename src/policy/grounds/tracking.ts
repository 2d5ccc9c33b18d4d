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
  readonly found: Found;
  /** true where `found` is the kind of what stands there, and not itself */
  readonly compound: boolean;
}

/** What was read of one object or array. */
class Place {
  readonly path: readonly string[];
  readonly isArray: boolean;
  /** members that were read, with what stood there; undefined for another object or array */
  readonly members = new Map<string, string | number | boolean | null | undefined>();
  readonly looked = new Map<string, boolean>();
  keys: string | undefined;
  /** what was read of members that are objects or arrays */
  readonly inner = new Map<string, Place>();

  constructor(path: readonly string[], isArray: boolean) {
    this.path = path;
    this.isArray = isArray;
  }
}

/** Notes everything that is read of a JSON document. Reading it gives what reading the document itself gives. */
export class Tracking<T extends JsonObject = JsonObject> {
  /** reads as the document does, and notes that */
  readonly document: T;
  readonly #root = new Place([], false);
  readonly #reads: Read[] = [];
  readonly #wrapped = new WeakMap<object, object>();

  constructor(document: T) {
    this.document = this.#wrap(document, this.#root) as T;
  }

  /** what was read, in the order of the first time */
  get reads(): readonly Read[] {
    return this.#reads;
  }

  /** false where more was read than is noted */
  get complete(): boolean {
    return this.#reads.length < MAXIMUM_READS;
  }

  /**
   * @param passed  names of members that need not be the same, wherever they stand
   * @returns whether a document gives the same as this one wherever it was read: what depends on nothing else comes out the same then. It keeps
   *   what was found, and not the document
   */
  likeness(passed: ReadonlySet<string> = NONE): (document: JsonObject) => boolean {
    const root = this.#root;
    // Documents that differ from this one mostly differ where the last one did.
    let suspect: Place | undefined;
    return (document) => {
      if (suspect !== undefined && differsAt(suspect, at(document, suspect.path), passed)) return false;
      const found = difference(root, document, passed);
      suspect = found ?? suspect;
      return found === undefined;
    };
  }

  #note(path: readonly string[], kind: Read["kind"], value: JsonValue | undefined): void {
    const compound = typeof value === "object" && value !== null;
    this.#reads.push({ path, kind, compound, found: compound ? kindOf(value) : value });
  }

  #look(target: object, key: string | symbol, { path, looked }: Place): void {
    if (typeof key !== "string" || looked.has(key) || !this.complete) return;
    const is = Object.hasOwn(target, key);
    looked.set(key, is);
    this.#note([...path, key], "has", is);
  }

  #read(target: object, key: string, { path, members, inner }: Place): unknown {
    const own = (target as Record<string, JsonValue>)[key];
    const compound = typeof own === "object" && own !== null;
    if (!members.has(key) && this.complete) {
      members.set(key, compound ? undefined : own);
      const place = [...path, key];
      if (compound) inner.set(key, new Place(place, Array.isArray(own)));
      this.#note(place, "member", own);
    }
    if (!compound) return own;
    const place = inner.get(key);
    return place === undefined ? own : this.#wrap(own, place);
  }

  #wrap(value: object, place: Place): object {
    let wrapped = this.#wrapped.get(value);
    if (wrapped !== undefined) return wrapped;
    wrapped = new Proxy(value, {
      get: (target, key) => {
        if (typeof key === "string" && Object.hasOwn(target, key)) return this.#read(target, key, place);
        // What is inherited is the runtime's, and no part of the document.
        this.#look(target, key, place);
        return Reflect.get(target, key) as unknown;
      },
      has: (target, key) => {
        this.#look(target, key, place);
        return Reflect.has(target, key);
      },
      getOwnPropertyDescriptor: (target, key) => {
        this.#look(target, key, place);
        return Reflect.getOwnPropertyDescriptor(target, key);
      },
      ownKeys: (target) => {
        if (Array.isArray(target)) this.#read(target, "length", place);
        else if (place.keys === undefined && this.complete) {
          place.keys = keysOf(target);
          this.#note(place.path, "keys", place.keys);
        }
        return Reflect.ownKeys(target);
      },
    });
    this.#wrapped.set(value, wrapped);
    return wrapped;
  }
}

const NONE: ReadonlySet<string> = new Set();

/** @returns whether something else stands in an object or array than what was read there, whatever stands further inside */
function differsAt({ isArray, members, looked, keys, inner }: Place, value: unknown, passed: ReadonlySet<string>): boolean {
  if (typeof value !== "object" || value === null || Array.isArray(value) !== isArray) return true;
  if (keys !== undefined && keysOf(value) !== keys) return true;
  for (const [key, is] of looked) if (Object.hasOwn(value, key) !== is && !passed.has(key)) return true;
  for (const [key, found] of members) {
    if (passed.has(key)) continue;
    const own = Object.hasOwn(value, key) ? (value as Record<string, JsonValue>)[key] : undefined;
    const isCompound = typeof own === "object" && own !== null;
    if (isCompound ? !inner.has(key) : own !== found || own === undefined) return true;
  }
  return false;
}

/** @returns the first object or array that differs; undefined where none does */
function difference(place: Place, value: unknown, passed: ReadonlySet<string>): Place | undefined {
  if (differsAt(place, value, passed)) return place;
  for (const [key, inner] of place.inner) {
    const found = passed.has(key) ? undefined : difference(inner, (value as Record<string, unknown>)[key], passed);
    if (found !== undefined) return found;
  }
  return undefined;
}

function at(document: JsonObject, path: readonly string[]): unknown {
  return path.reduce<unknown>((value, step) => {
    return typeof value === "object" && value !== null && Object.hasOwn(value, step) ? (value as Record<string, unknown>)[step] : undefined;
  }, document);
}

const kindOf = (value: object): "array" | "object" => (Array.isArray(value) ? "array" : "object");
const keysOf = (value: object): string => JSON.stringify(Object.keys(value));
