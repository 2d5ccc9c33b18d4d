import { z } from "zod";
import { KBS_PREFIX } from "../../protocol/index.ts";
import { CaiError } from "../../system/index.ts";
import {
  formatExpiration,
  mergeReference,
  parseReferenceList,
  parseReferenceMessage,
  referenceSchemas,
  referencesInForce,
  unverifiedProvenance,
  unwrapRegisterBody,
} from "./reference-message.ts";
import type { ReferenceUsage } from "./reference-usage.ts";
import { NO_BODY, type Route, restOf } from "./route.ts";
import type { ReferenceValue, Store } from "./store/index.ts";

const MESSAGE_BODY = 512 * 1024;
/** Reference values are kept in memory, so there are only so many. */
export const MAX_REFERENCES = 10_000;
/** Names of one message that a record lists. */
const MAX_NAMED = 64;

const ADMIN = { place: "admin", signed: true } as const;
const READ = { ...ADMIN, method: "GET", right: "reference.read", bodyLimit: NO_BODY } as const;
const WRITE = { ...ADMIN, right: "reference.write" } as const;

/**
 * Reference values, by the routes of both upstream families (trustee.md §1.2, §7): `rvps/register` adds to lists and never shrinks them,
 * as it does upstream; `reference-value` replaces. Those of the openanolis family are reached as `/api/rvps/…`, too (trustee.md §8.1).
 */
export function referenceRoutes(store: Store, usage: ReferenceUsage): Route[] {
  return [
    ...rvpsRoutes(store, `${KBS_PREFIX}/rvps`),
    ...rvpsRoutes(store, "/rvps").map((route) => ({ ...route, mounts: ["/api"] })),
    ...valueRoutes(store),
    ...ownRoutes(store, usage),
  ];
}

/** @param prefix  where the routes are */
function rvpsRoutes(store: Store, prefix: string): Route[] {
  const remove = `${prefix}/delete/*`;
  return [
    {
      ...WRITE,
      method: "POST",
      path: `${prefix}/register`,
      about: { summary: "Adds reference values: lists grow", request: referenceSchemas.register },
      bodyLimit: MESSAGE_BODY,
      async handle({ body, realm, now }) {
        const values = parseReferenceMessage(unwrapRegisterBody(text(body)), now);
        await put(store, realm, values, true);
        return { change: { added: namesOf(values) } };
      },
    },
    {
      ...WRITE,
      method: "POST",
      path: `${prefix}/set_reference_value_list`,
      about: { summary: "Reference values by their provenance: refused, as none can be verified here", request: "application/json" },
      bodyLimit: MESSAGE_BODY,
      async handle() {
        // Its every item is worth what its provenance proves (trustee.md §7.4).
        throw unverifiedProvenance("rv_list");
      },
    },
    {
      ...READ,
      path: `${prefix}/query`,
      about: { summary: "Reference values in force, by name", response: z.record(z.string(), z.json()) },
      async handle({ realm, now }) {
        return { body: JSON.stringify(referencesInForce(await store.references.all(realm), now)) };
      },
    },
    {
      ...WRITE,
      method: "DELETE",
      path: remove,
      about: { summary: "Removes a reference value, where there is one", rest: "the value's name, percent-encoded" },
      bodyLimit: NO_BODY,
      async handle({ path, realm }) {
        // No error where there is none, as upstream (trustee.md §7.3).
        const name = nameOf(path, remove);
        await store.references.delete(realm, name);
        return { change: { removed: name } };
      },
    },
  ];
}

function valueRoutes(store: Store): Route[] {
  const one = `${KBS_PREFIX}/reference-value/*`;
  return [
    {
      ...WRITE,
      method: "POST",
      path: `${KBS_PREFIX}/reference-value`,
      about: { summary: "Sets reference values", request: referenceSchemas.message },
      bodyLimit: MESSAGE_BODY,
      async handle({ body, realm, now }) {
        const values = parseReferenceMessage(text(body), now);
        await put(store, realm, values, false);
        return { change: { replaced: namesOf(values) } };
      },
    },
    {
      ...READ,
      path: one,
      about: { summary: "One reference value in force", response: z.json(), rest: "the value's name, percent-encoded" },
      async handle({ path, realm, now }) {
        const name = nameOf(path, one);
        const values = referencesInForce(await store.references.all(realm), now);
        if (!Object.hasOwn(values, name)) throw missing(name);
        return { body: JSON.stringify(values[name]) };
      },
    },
  ];
}

const ownReferences = z.array(
  z.object({
    name: z.string(),
    value: z.json(),
    expiration: z.string(),
    expired: z.boolean(),
    uses: z.int(),
    last_used: z.string().nullable(),
  }),
);

/** What neither family has: each value's end and use, and values with an end of their own. */
function ownRoutes(store: Store, usage: ReferenceUsage): Route[] {
  const path = `${KBS_PREFIX}/cai/references`;
  const one = `${path}/*`;
  return [
    {
      ...READ,
      path,
      about: { summary: "Reference values with their ends and uses", response: ownReferences },
      async handle({ realm, now }) {
        const values = [...(await store.references.all(realm)).values()];
        const uses = await usage.of(
          realm,
          values.map(({ name }) => name),
          now,
        );
        const list = values.map(({ name, value, expires }) => {
          const used = uses.get(name);
          return {
            name,
            value,
            expiration: formatExpiration(expires),
            expired: expires <= now,
            uses: used?.uses ?? 0,
            last_used: used === undefined ? null : formatExpiration(used.lastUsed),
          };
        });
        return { body: JSON.stringify(list) };
      },
    },
    {
      ...WRITE,
      method: "POST",
      path,
      about: { summary: "Sets reference values with ends of their own, or adds to lists", request: referenceSchemas.list },
      bodyLimit: MESSAGE_BODY,
      async handle({ body, realm, now }) {
        const { values, merge } = parseReferenceList(text(body), now);
        await put(store, realm, values, merge);
        return { change: { [merge ? "added" : "replaced"]: namesOf(values) } };
      },
    },
    {
      ...WRITE,
      method: "DELETE",
      path: one,
      about: { summary: "Removes a reference value", rest: "the value's name, percent-encoded" },
      bodyLimit: NO_BODY,
      async handle({ path: called, realm }) {
        const name = nameOf(called, one);
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

async function put(store: Store, realm: string, values: readonly ReferenceValue[], merge: boolean): Promise<void> {
  await store.references.update(realm, (before) => {
    const added = values.filter(({ name }) => !before.has(name)).length;
    if (before.size + added > MAX_REFERENCES) {
      throw new CaiError("kbs.request-too-large", `a realm keeps at most ${MAX_REFERENCES} reference values`);
    }
    return merge ? values.map((value) => mergeReference(before.get(value.name), value)) : values;
  });
}

/**
 * Names may hold any character but control characters, so they come percent-encoded. One with a control character is none: in the store such a
 * character stands between a realm and a name of its own (security.md I21).
 */
function nameOf(path: string, pattern: string): string {
  const name = decodedName(restOf(path, pattern));
  if (name === undefined || /\p{Cc}/u.test(name)) {
    throw new CaiError("kbs.reference-invalid", "the name in the path is not percent-encoded UTF-8 without control characters");
  }
  return name;
}

function decodedName(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
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
