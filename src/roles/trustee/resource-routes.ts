import { z } from "zod";
import { decodeBase64Url } from "../../crypto/index.ts";
import { formatResourcePath, KBS_PREFIX, parseResourcePath } from "../../protocol/index.ts";
import { CaiError } from "../../system/index.ts";
import { parseJsonBody } from "./json-body.ts";
import { DEFAULT_BODY, NO_BODY, type Route, restOf } from "./route.ts";
import type { Store } from "./store/index.ts";

/** Several secrets in base64url may be as large together as one alone. */
const BATCH_BODY = 2 * DEFAULT_BODY;

const batch = z.strictObject({
  resources: z
    .array(z.strictObject({ path: z.string().max(512), value: z.string() }))
    .min(1)
    .max(64),
  replace: z.boolean().default(false),
});

/** The admin side of resources (trustee.md §2.3), and the write of several in one transaction (security.md §3.7). */
export function resourceRoutes(store: Store): Route[] {
  const resource = `${KBS_PREFIX}/resource/*`;
  const admin = { place: "admin", signed: true } as const;
  const read = { ...admin, method: "GET", right: "resource.read" } as const;
  const write = { ...admin, right: "resource.write" } as const;
  return [
    {
      ...write,
      method: "POST",
      path: resource,
      bodyLimit: DEFAULT_BODY,
      async handle({ path, body }) {
        const name = pathOf(restOf(path, resource));
        const { length: size } = body;
        await store.resources.putAll([{ path: name, value: body }], true);
        body.fill(0);
        return { type: "text/xml", change: { resources: [{ path: name, size }] } };
      },
    },
    {
      ...write,
      method: "DELETE",
      path: resource,
      bodyLimit: NO_BODY,
      async handle({ path }) {
        const name = pathOf(restOf(path, resource));
        if (!(await store.resources.delete(name))) throw new CaiError("kbs.resource-missing", `there is no resource ${name}`);
        return { type: "text/xml", change: { removed: name } };
      },
    },
    {
      ...read,
      path: `${KBS_PREFIX}/resources`,
      bodyLimit: NO_BODY,
      async handle() {
        const names = (await store.resources.list()).map(({ path }) => parseResourcePath(path));
        const list = names.map(({ repository, type, tag }) => ({ repository_name: repository, resource_type: type, resource_tag: tag }));
        return { body: JSON.stringify(list) };
      },
    },
    {
      ...write,
      method: "POST",
      path: `${KBS_PREFIX}/cai/resources`,
      bodyLimit: BATCH_BODY,
      async handle({ body }) {
        const { resources, replace } = parseBatch(body);
        await store.resources.putAll(resources, replace);
        for (const { value } of resources) value.fill(0);
        return { change: { resources: resources.map((entry) => ({ path: entry.path, size: entry.value.length })), replace } };
      },
    },
  ];
}

function pathOf(text: string): string {
  return formatResourcePath(parseResourcePath(text));
}

function parseBatch(body: Uint8Array): { resources: { path: string; value: Uint8Array }[]; replace: boolean } {
  const { resources: entries, replace } = parseJsonBody(batch, body);
  const resources = entries.map(({ path, value }, i) => ({ path: pathOf(path), value: decodeValue(value, i) }));
  if (new Set(resources.map(({ path }) => path)).size !== resources.length) {
    throw new CaiError("kbs.message-malformed", "/resources: a path is given twice");
  }
  return { resources, replace };
}

function decodeValue(text: string, i: number): Uint8Array {
  try {
    return decodeBase64Url(text);
  } catch {
    throw new CaiError("kbs.message-malformed", `/resources/${i}/value: expected base64url`);
  }
}
