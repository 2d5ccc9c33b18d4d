import { afterAll, beforeAll, expect, test } from "bun:test";
import { isAdminRight } from "../../../src/roles/trustee/rights.ts";
import { mountsOf, NO_BODY, type Route } from "../../../src/roles/trustee/route.ts";
import { routerTable } from "../../../src/roles/trustee/router.ts";
import { type KbsWorld, startKbs } from "./kbs-world.ts";

interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly required: boolean }[];
  readonly requestBody?: { readonly content: Record<string, { readonly schema?: object }> };
  readonly responses: Record<string, { readonly description: string }>;
  readonly security: readonly Record<string, readonly string[]>[];
  readonly "x-cai-right": string;
}
interface OpenApi {
  readonly openapi: string;
  readonly info: { readonly title: string; readonly version: string };
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: { readonly securitySchemes: object; readonly schemas: object };
}

// The handlers are never called, so nothing of what they work with is needed to read the table.
const table = routerTable({
  store: {},
  verifiers: new Map(),
  keys: { tokens: { publicJwk: { kty: "EC", crv: "P-256", x: "", y: "" }, chain: [] } },
} as unknown as Parameters<typeof routerTable>[0]);

let world: KbsWorld;
let document: OpenApi;
beforeAll(async () => {
  world = await startKbs();
  document = (await (await fetch(`${world.url}/openapi.json`)).json()) as OpenApi;
});
afterAll(() => world.end());

const operations = () =>
  Object.entries(document.paths).flatMap(([path, methods]) => Object.entries(methods).map(([method, each]) => ({ path, method, ...each })));

const pathOf = (route: Route) => (mountsOf(route)[0] ?? "") + route.path.replace(/\*$/, "{path}");
const routeOf = (method: string, path: string) => table.find((each) => each.method.toLowerCase() === method && pathOf(each) === path)!;

test("the description has every route of the table, and each has a summary and a name of its own", () => {
  expect(document.openapi).toBe("3.1.0");
  const described = operations().map(({ method, path }) => `${method.toUpperCase()} ${path}`);
  expect(described.sort()).toEqual(table.map((route) => `${route.method} ${pathOf(route)}`).sort());
  for (const { summary } of operations()) expect(summary).toMatch(/^[A-Z].{5,}[^.]$/);
  expect(new Set(operations().map(({ operationId }) => operationId)).size).toBe(table.length);
});

test("it says of each route who may call it: nothing is open that the table does not open (I23)", () => {
  for (const { path, method, security, ...rest } of operations()) {
    const route = routeOf(method, path);
    expect(rest["x-cai-right"]).toBe(route.right);
    const schemes = security.flatMap((each) => Object.keys(each));
    expect(schemes).toEqual(isAdminRight(route.right) ? ["administrator"] : route.right === "session" ? ["session", "token"] : []);
  }
});

test("it is whole: parameters of paths are declared, bodies have content, and what it refers to is there", () => {
  const text = JSON.stringify(document);
  const references = [...text.matchAll(/"\$ref":"([^"]+)"/g)].map(([, reference]) => reference!);
  const schemas = Object.keys(document.components.schemas).map((name) => `#/components/schemas/${name}`);
  expect(references.filter((reference) => !schemas.includes(reference))).toEqual([]);
  expect(references.length).toBeGreaterThan(operations().length);
  for (const { path, parameters = [], requestBody, responses, security, method } of operations()) {
    const inPath = parameters.filter((parameter) => parameter.in === "path");
    expect(inPath.map(({ name }) => `{${name}}`)).toEqual(path.match(/\{\w+\}/g) ?? []);
    for (const parameter of parameters) expect(parameter.required).toBe(parameter.in === "path");
    const route = routeOf(method, path);
    expect(requestBody !== undefined).toBe(route.bodyLimit > NO_BODY);
    if (requestBody) expect(Object.keys(requestBody.content)).toHaveLength(1);
    for (const { description } of Object.values(responses)) expect(description.length).toBeGreaterThan(0);
    for (const scheme of security.flatMap((each) => Object.keys(each))) expect(document.components.securitySchemes).toHaveProperty(scheme);
  }
});

test("it describes bodies by the schemas that read them", () => {
  const auth = document.paths["/kbs/v0/auth"]?.["post"]?.requestBody?.content["application/json"]?.schema;
  expect(auth).toMatchObject({ type: "object", required: ["version", "tee", "extra-params"] });
});

test("it says where an administrator names the realm that is meant, and what lists can be asked for", () => {
  const queryOf = (method: string, path: string) =>
    (document.paths[path]![method]!.parameters ?? []).filter((parameter) => parameter.in === "query").map(({ name }) => name);
  expect(queryOf("post", "/kbs/v0/resource-policy")).toEqual(["realm"]);
  expect(queryOf("post", "/kbs/v0/cai/references")).toEqual(["realm"]);
  expect(queryOf("get", "/kbs/v0/cai/decisions")).toEqual(["realm", "kind", "outcome", "since", "until", "before", "limit"]);
  expect(queryOf("post", "/kbs/v0/cai/roles")).toEqual([]);
  expect(queryOf("post", "/kbs/v0/resource/{path}")).toEqual([]);
});
