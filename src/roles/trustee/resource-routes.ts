import { z } from "zod";
import { decodeBase64Url } from "../../crypto/index.ts";
import { formatResourcePath, KBS_PREFIX, parseResourcePath, type ResourcePath } from "../../protocol/index.ts";
import { CaiError } from "../../system/index.ts";
import { parseJsonBody } from "./json-body.ts";
import type { Realms } from "./realm.ts";
import { DEFAULT_BODY, NO_BODY, type Route } from "./route.ts";
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

const names = z.array(z.object({ repository_name: z.string(), resource_type: z.string(), resource_tag: z.string() }));
const sizes = z.array(z.object({ path: z.string(), size: z.int().describe("bytes"), realm: z.string() }));

/** The lists of resources (trustee.md §2.3), and the write of several in one transaction (security.md §3.7). */
export function resourceRoutes(store: Store, realms: Realms): Route[] {
  const admin = { place: "admin", signed: true } as const;
  const read = { ...admin, method: "GET", right: "resource.read" } as const;
  const write = { ...admin, right: "resource.write" } as const;
  return [
    {
      ...read,
      path: `${KBS_PREFIX}/resources`,
      about: { summary: "Lists the names of secrets", response: names },
      scope: "realm",
      legacyOpen: true,
      bodyLimit: NO_BODY,
      async handle({ confinedTo }) {
        const list = (await listed(store, realms, confinedTo)).map(({ name: { repository, type, tag } }) => ({
          repository_name: repository,
          resource_type: type,
          resource_tag: tag,
        }));
        return { body: JSON.stringify(list) };
      },
    },
    {
      ...read,
      path: `${KBS_PREFIX}/cai/resources`,
      about: { summary: "Lists secrets with their sizes and realms", response: sizes },
      scope: "realm",
      bodyLimit: NO_BODY,
      async handle({ confinedTo }) {
        const list = (await listed(store, realms, confinedTo)).map(({ name, size, realm }) => ({
          path: formatResourcePath(name),
          size,
          realm,
        }));
        return { body: JSON.stringify(list) };
      },
    },
    {
      ...write,
      method: "POST",
      path: `${KBS_PREFIX}/cai/resources`,
      about: { summary: "Stores several secrets, or none", request: batch },
      scope: ({ body }) => parseJsonBody(batch, body).resources.map(({ path }) => parseResourcePath(path)),
      bodyLimit: BATCH_BODY,
      async handle({ body }) {
        const { resources, replace } = parseBatch(body);
        await store.resources.putAll(resources, replace);
        for (const { value } of resources) value.fill(0);
        return {};
      },
    },
  ];
}

interface ListedResource {
  readonly name: ResourcePath;
  /** bytes */
  readonly size: number;
  readonly realm: string;
}

/** @returns every resource, or those of one realm */
async function listed(store: Store, realms: Realms, only: string | undefined): Promise<ListedResource[]> {
  const list: ListedResource[] = [];
  for (const { path, size } of await store.resources.list()) {
    const name = parseResourcePath(path);
    const realm = await realms.of(name);
    if (only === undefined || realm === only) list.push({ name, size, realm });
  }
  return list;
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
