import { KBS_PREFIX } from "../../protocol/index.ts";
import { CaiError } from "../../system/index.ts";
import { mergeReference, parseReferenceMessage, referencesInForce, unwrapRegisterBody } from "./reference-message.ts";
import { NO_BODY, type Route, restOf } from "./route.ts";
import type { ReferenceValue, Store } from "./store/index.ts";

const MESSAGE_BODY = 512 * 1024;
/** Reference values are kept in memory, so there are only so many. */
const MAX_REFERENCES = 10_000;
/** Names of one message that a record lists. */
const MAX_NAMED = 64;

/**
 * Reference values, by the routes of both upstream families (trustee.md §1.2, §7): `rvps/register` adds to lists and never shrinks them,
 * as it does upstream; `reference-value` replaces.
 */
export function referenceRoutes(store: Store): Route[] {
  const one = `${KBS_PREFIX}/reference-value/*`;
  const remove = `${KBS_PREFIX}/rvps/delete/*`;
  const admin = { place: "admin", signed: true } as const;
  const read = { ...admin, method: "GET", right: "reference.read" } as const;
  const write = { ...admin, right: "reference.write" } as const;
  return [
    {
      ...write,
      method: "POST",
      path: `${KBS_PREFIX}/rvps/register`,
      bodyLimit: MESSAGE_BODY,
      async handle({ body, realm, now }) {
        const values = parseReferenceMessage(unwrapRegisterBody(text(body)), now);
        await put(store, realm, (before) => values.map((value) => mergeReference(before.get(value.name), value)));
        return { change: { added: namesOf(values) } };
      },
    },
    {
      ...write,
      method: "POST",
      path: `${KBS_PREFIX}/reference-value`,
      bodyLimit: MESSAGE_BODY,
      async handle({ body, realm, now }) {
        const values = parseReferenceMessage(text(body), now);
        await put(store, realm, () => values);
        return { change: { replaced: namesOf(values) } };
      },
    },
    {
      ...read,
      path: one,
      bodyLimit: NO_BODY,
      async handle({ path, realm, now }) {
        const name = nameOf(path, one);
        const values = referencesInForce(await store.references.all(realm), now);
        if (!Object.hasOwn(values, name)) throw missing(name);
        return { body: JSON.stringify(values[name]) };
      },
    },
    {
      ...read,
      path: `${KBS_PREFIX}/rvps/query`,
      bodyLimit: NO_BODY,
      async handle({ realm, now }) {
        return { body: JSON.stringify(referencesInForce(await store.references.all(realm), now)) };
      },
    },
    {
      ...write,
      method: "DELETE",
      path: remove,
      bodyLimit: NO_BODY,
      async handle({ path, realm }) {
        const name = nameOf(path, remove);
        if (!(await store.references.delete(realm, name))) throw missing(name);
        return { change: { removed: name } };
      },
    },
  ];
}

/** The names that a record lists; its digest covers all of the message. */
function namesOf(values: readonly ReferenceValue[]): string[] {
  return values.slice(0, MAX_NAMED).map(({ name }) => name);
}

type Values = ReadonlyMap<string, ReferenceValue>;

async function put(store: Store, realm: string, decide: (before: Values) => readonly ReferenceValue[]): Promise<void> {
  await store.references.update(realm, (before) => {
    const values = decide(before);
    const added = values.filter(({ name }) => !before.has(name)).length;
    if (before.size + added > MAX_REFERENCES) {
      throw new CaiError("kbs.request-too-large", `a realm keeps at most ${MAX_REFERENCES} reference values`);
    }
    return values;
  });
}

/** Names may hold any character, so they come percent-encoded. */
function nameOf(path: string, pattern: string): string {
  try {
    return decodeURIComponent(restOf(path, pattern));
  } catch {
    throw new CaiError("kbs.reference-invalid", "the name in the path is not percent-encoded UTF-8");
  }
}

function text(body: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(body);
  } catch {
    throw new CaiError("kbs.reference-invalid", "expected JSON in UTF-8");
  }
}

function missing(name: string): CaiError {
  return new CaiError("kbs.reference-missing", `there is no reference value ${JSON.stringify(name)}`);
}
