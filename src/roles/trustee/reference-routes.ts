import { KBS_PREFIX } from "../../protocol/index.ts";
import { CaiError } from "../../system/index.ts";
import { mergeReference, parseReferenceMessage, referencesInForce, unwrapRegisterBody } from "./reference-message.ts";
import { NO_BODY, type Route, restOf } from "./route.ts";
import type { ReferenceValue, Store } from "./store/index.ts";

const MESSAGE_BODY = 512 * 1024;
/** Reference values are kept in memory, so there are only so many. */
const MAX_REFERENCES = 10_000;

/**
 * Reference values, by the routes of both upstream families (trustee.md §1.2, §7): `rvps/register` adds to lists and never shrinks them,
 * as it does upstream; `reference-value` replaces.
 */
export function referenceRoutes(store: Store): Route[] {
  const one = `${KBS_PREFIX}/reference-value/*`;
  const remove = `${KBS_PREFIX}/rvps/delete/*`;
  const admin = { right: "admin", place: "admin", signed: true } as const;
  return [
    {
      ...admin,
      method: "POST",
      path: `${KBS_PREFIX}/rvps/register`,
      bodyLimit: MESSAGE_BODY,
      async handle({ body, now }) {
        const before = await store.references.all();
        const values = parseReferenceMessage(unwrapRegisterBody(text(body)), now);
        await put(
          store,
          values.map((value) => mergeReference(before.get(value.name), value)),
        );
        return {};
      },
    },
    {
      ...admin,
      method: "POST",
      path: `${KBS_PREFIX}/reference-value`,
      bodyLimit: MESSAGE_BODY,
      async handle({ body, now }) {
        await put(store, parseReferenceMessage(text(body), now));
        return {};
      },
    },
    {
      ...admin,
      method: "GET",
      path: one,
      bodyLimit: NO_BODY,
      async handle({ path, now }) {
        const name = nameOf(path, one);
        const values = referencesInForce(await store.references.all(), now);
        if (!Object.hasOwn(values, name)) throw missing(name);
        return { body: JSON.stringify(values[name]) };
      },
    },
    {
      ...admin,
      method: "GET",
      path: `${KBS_PREFIX}/rvps/query`,
      bodyLimit: NO_BODY,
      async handle({ now }) {
        return { body: JSON.stringify(referencesInForce(await store.references.all(), now)) };
      },
    },
    {
      ...admin,
      method: "DELETE",
      path: remove,
      bodyLimit: NO_BODY,
      async handle({ path }) {
        const name = nameOf(path, remove);
        if (!(await store.references.delete(name))) throw missing(name);
        return {};
      },
    },
  ];
}

async function put(store: Store, values: readonly ReferenceValue[]): Promise<void> {
  const there = await store.references.all();
  const added = values.filter(({ name }) => !there.has(name)).length;
  if (there.size + added > MAX_REFERENCES) {
    throw new CaiError("kbs.request-too-large", `a trustee keeps at most ${MAX_REFERENCES} reference values`);
  }
  await store.references.putAll(values);
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
