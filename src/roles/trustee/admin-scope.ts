import type { Realms } from "./realm.ts";
import { readRealm } from "./realm.ts";
import { type AdminRight, isRealmRight } from "./rights.ts";
import { forbidden, type Role } from "./role.ts";
import type { Call, Route, RouteScope } from "./route.ts";
import { ROOT_REALM } from "./store/index.ts";

/** The realm that an administrator's request is about; see the members of the same name in {@link Call}. */
export type AdminScope = Pick<Call, "realm" | "confinedTo">;

/** @returns what an administrator's request by a route is about (security.md I21) */
export function scopeOf({ right, scope }: Pick<Route, "scope"> & { readonly right: AdminRight }): RouteScope {
  return scope ?? (isRealmRight(right) ? "realm" : "trustee");
}

/**
 * Decides whether a role may make a request, and finds the realm that the request is about. A role of one realm acts on that realm only
 * (security.md I21), and needs not name it, so that clients of both upstream families administer one realm as they would a trustee.
 *
 * @throws CaiError `admin.forbidden`; `kbs.realm-missing`, `kbs.path-invalid` where the request names no realm or resource
 */
export async function adminScope(
  role: Role,
  route: Pick<Route, "scope"> & { readonly right: AdminRight },
  call: Pick<Call, "path" | "query" | "body">,
  realms: Realms,
): Promise<AdminScope> {
  role.require(route.right, call.path);
  const about = scopeOf(route);
  if (about === "trustee") {
    if (role.realm !== undefined) throw forbidden(`the role ${role.name} acts on one realm only`);
    return { realm: ROOT_REALM };
  }
  if (about === "realm") {
    const named = call.query.get("realm");
    if (named === null) return role.realm === undefined ? { realm: ROOT_REALM } : confined(role.realm);
    const realm = readRealm(named);
    if (role.realm !== undefined && role.realm !== realm) throw forbidden(`the role ${role.name} acts on another realm`);
    await realms.require(realm);
    return confined(realm);
  }
  const found = await Promise.all(about(call).map((path) => realms.of(path)));
  if (role.realm !== undefined && found.some((realm) => realm !== role.realm)) {
    throw forbidden(`the role ${role.name} acts on the resources of another realm`);
  }
  return { realm: found[0] ?? ROOT_REALM };
}

function confined(realm: string): AdminScope {
  return { realm, confinedTo: realm };
}
