import { z } from "zod";
import { KBS_PREFIX, keyContext } from "../../../protocol/index.ts";
import { CaiError } from "../../../system/index.ts";
import { tokenOf } from "../presented-token.ts";
import { type ReleaseParts, release } from "../release.ts";
import { NO_BODY, type Route, restOf } from "../route.ts";
import { aboutOf } from "../unverified.ts";
import type { AdminCall, Plugin, TokenCall } from "./plugin.ts";

/** RFC 7516 §7.2.2 */
const jwe = z.object({ protected: z.string(), encrypted_key: z.string(), iv: z.string(), ciphertext: z.string(), tag: z.string() });
const NAME = /^[a-z][a-z0-9-]{0,31}$/;
/** First segments below `/kbs/v0/` that are the key broker's own. */
const OWN_SEGMENTS: ReadonlySet<string> = new Set([
  "auth",
  "attest",
  "attestation-policy",
  "attestation-policies",
  "cai",
  "resource-policy",
  "resources",
  "rvps",
  "reference-value",
]);

/**
 * Makes the routes of the plugins; a path that is named whole comes before one with `*`.
 *
 * @throws CaiError `kbs.plugin-unencrypted`, `kbs.plugin-conflict`
 */
export function pluginRoutes(parts: ReleaseParts, plugins: readonly Plugin[]): Route[] {
  const routes = plugins.flatMap((plugin) => {
    if (!NAME.test(plugin.name) || OWN_SEGMENTS.has(plugin.name)) throw conflict(`no plugin can be called ${plugin.name}`);
    return plugin.calls.map((call) => (call.right === "token" ? tokenRoute(parts, plugin, call) : adminRoute(plugin, call)));
  });
  const seen = new Set<string>();
  for (const { method, path } of routes) {
    if (seen.has(`${method} ${path}`)) throw conflict(`two plugins answer ${method} ${path}`);
    seen.add(`${method} ${path}`);
  }
  return routes.sort((a, b) => Number(a.path.endsWith("*")) - Number(b.path.endsWith("*")));
}

function adminRoute(plugin: Plugin, call: AdminCall): Route {
  const path = pathOf(plugin, call);
  const { resource } = call;
  return {
    method: call.method,
    path,
    right: call.right,
    about: call.about,
    scope: resource === undefined ? "trustee" : (request) => [resource(restIn(request.path, path))],
    bodyLimit: call.bodyLimit,
    place: "admin",
    signed: true,
    handle: async (request) => ({ ...(await call.handle(request, restIn(request.path, path))), type: "text/xml" }),
  };
}

function tokenRoute(parts: ReleaseParts, plugin: Plugin, call: TokenCall): Route {
  if (!call.encrypted) {
    throw new CaiError("kbs.plugin-unencrypted", `plugin ${plugin.name} would answer ${call.method} ${call.path} in the clear`);
  }
  const path = pathOf(plugin, call);
  return {
    method: call.method,
    path,
    about: { response: jwe, ...call.about },
    right: "session",
    bodyLimit: NO_BODY,
    place: "resource",
    signed: true,
    async handle(request) {
      const segments = call.segments(restIn(request.path, path));
      const token = await tokenOf(parts, request);
      const query = Object.fromEntries(request.query);
      const body = await release(parts, {
        plugin: plugin.name,
        segments,
        query,
        token,
        client: request.client,
        now: request.now,
        about: aboutOf(request),
        onGrant: ({ teeKey }) => request.setContext(keyContext(teeKey)),
        content: () => call.content(segments, query),
      });
      return { body };
    },
  };
}

function pathOf({ name }: Plugin, { path }: { readonly path: string }): string {
  return `${KBS_PREFIX}/${name}/${path}`;
}

function restIn(path: string, pattern: string): string {
  return pattern.endsWith("*") ? restOf(path, pattern) : "";
}

function conflict(message: string): CaiError {
  return new CaiError("kbs.plugin-conflict", message);
}
