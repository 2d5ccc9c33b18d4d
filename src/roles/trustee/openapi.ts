import { z } from "zod";
import { type JsonObject, type JsonValue, version } from "../../system/index.ts";
import { scopeOf } from "./admin-scope.ts";
import { isAdminRight } from "./rights.ts";
import { mountsOf, NO_BODY, type Route } from "./route.ts";

/** The parameter that the `*` at the end of a route's path becomes. */
const REST = "path";

const errorAnswer = z.object({
  type: z.string().describe("a URI whose last segment is the variant of the KBS protocol"),
  detail: z.string(),
  id: z.string().describe("a stable error id; docs/errors.md lists them all"),
  decision: z.string().optional().describe("the public id of the decision; the trustee's administrators find its reasons by it"),
  request: z.string().optional().describe("what the client called its request in the header X-Request-Id"),
});

/** How each kind of right is shown, by OpenAPI's security schemes. */
const SECURITY: JsonObject = {
  administrator: {
    type: "http",
    scheme: "bearer",
    bearerFormat: "JWT",
    description: "A token signed by an administrator's key; `cai` makes one for each request.",
  },
  session: { type: "apiKey", in: "cookie", name: "kbs-session-id", description: "The session that auth opened." },
  token: { type: "http", scheme: "bearer", bearerFormat: "JWT", description: "The attestation token that attest gave." },
};

/**
 * Describes the router table: OpenAPI 3.1, made from the very routes and schemas that answer. Every route is in it, under the first of its prefixes; the
 * others are named beside it.
 */
export function openApiDocument(routes: readonly Route[]): JsonObject {
  const paths: Record<string, Record<string, JsonValue>> = {};
  const shared: Record<string, JsonValue> = {};
  for (const route of routes) {
    const [first = "", ...others] = mountsOf(route);
    const path = (first + route.path).replace(/\*$/, `{${REST}}`);
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(route, others, shared) };
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "cai trustee",
      version,
      description:
        "Key broker, attestation service and reference values of one trustee. Answers of signed routes carry the header Cai-Signature.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    paths,
    components: { securitySchemes: SECURITY, schemas: { Error: schemaOf(errorAnswer, "output"), ...shared } },
  };
}

/** @param shared  takes the schemas that those of the operation refer to */
function operation(route: Route, otherMounts: readonly string[], shared: Record<string, JsonValue>): JsonObject {
  const { about, path, method, right, bodyLimit } = route;
  const name = operationId(method, path);
  const contentOf = (body: z.ZodType | string, io: "input" | "output"): JsonObject => {
    return typeof body === "string"
      ? { [body]: {} }
      : { "application/json": { schema: lifted(schemaOf(body, io), `${name}-${io}`, shared) } };
  };
  const response = about?.response === undefined ? {} : { content: contentOf(about.response, "output") };
  const parameters = parametersOf(route);
  return {
    operationId: name,
    summary: about?.summary ?? "",
    ...(parameters.length > 0 && { parameters }),
    ...(bodyLimit > NO_BODY && {
      requestBody: { required: true, content: contentOf(about?.request ?? "application/octet-stream", "input") },
    }),
    responses: {
      "200": { description: "Done.", ...response },
      default: { description: "Refused, or failed.", content: { "application/json": { schema: { $ref: "#/components/schemas/Error" } } } },
    },
    security: securityOf(right),
    "x-cai-right": right,
    ...(bodyLimit > NO_BODY && { "x-cai-body-limit": bodyLimit }),
    ...(otherMounts.length > 0 && { "x-cai-also-under": otherMounts }),
  };
}

function securityOf(right: Route["right"]): JsonValue[] {
  if (isAdminRight(right)) return [{ administrator: [] }];
  return right === "session" ? [{ session: [] }, { token: [] }] : [];
}

/** The rest of the path, and the members of the query: an administrator of several realms says which one is meant (security.md I21). */
function parametersOf({ path, about, right, scope }: Route): JsonObject[] {
  const parameters: JsonObject[] = [];
  if (path.endsWith("*")) {
    const description = about?.rest ?? "the rest of the path, which may have several segments";
    parameters.push({ name: REST, in: "path", required: true, description, schema: { type: "string" } });
  }
  if (isAdminRight(right) && scopeOf({ right, ...(scope && { scope }) }) === "realm") {
    const description = "the realm that is meant; default: that of the administrator's role, else the root";
    parameters.push({ name: "realm", in: "query", required: false, description, schema: { type: "string" } });
  }
  const members = about?.query === undefined ? {} : (schemaOf(about.query, "input")["properties"] as JsonObject);
  for (const [name, schema] of Object.entries(members)) parameters.push({ name, in: "query", required: false, schema: schema! });
  return parameters;
}

/** Moves what a schema defines for itself to where references of an OpenAPI document find it. */
function lifted({ $defs, ...schema }: JsonObject, name: string, shared: Record<string, JsonValue>): JsonObject {
  const place = `#/components/schemas/${name}`;
  const renamed = (value: JsonValue): JsonValue =>
    JSON.parse(
      JSON.stringify(value).replaceAll('"$ref":"#/$defs/', `"$ref":"${place}-`).replaceAll('"$ref":"#"', `"$ref":"${place}"`),
    ) as JsonValue;
  for (const [key, value] of Object.entries(($defs ?? {}) as JsonObject)) shared[`${name}-${key}`] = renamed(value!);
  if (!JSON.stringify({ $defs, schema }).includes('"$ref":"#"')) return renamed(schema) as JsonObject;
  // A schema that has itself inside.
  shared[name] = renamed(schema);
  return { $ref: place };
}

/** What a schema checks beyond what JSON Schema can say is left out of it. */
function schemaOf(schema: z.ZodType, io: "input" | "output"): JsonObject {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: "any" });
  return rest as JsonObject;
}

/** @returns for example `get-kbs-v0-resource-rest` */
function operationId(method: string, path: string): string {
  const words = path.replace(/\*$/, "rest").split(/[^A-Za-z0-9]+/);
  return [method.toLowerCase(), ...words].filter((word) => word !== "").join("-");
}
