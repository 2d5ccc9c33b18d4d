/**
 * What an administrator may be allowed, one right a kind of thing and way (security.md I23). `.read` changes nothing.
 */
export const ADMIN_RIGHTS = [
  "resource.read",
  "resource.write",
  "policy.read",
  "policy.write",
  "reference.read",
  "reference.write",
  "collateral.read",
  "collateral.write",
  "decision.read",
  "denial.read",
  "denial.write",
  "realm.read",
  "realm.write",
  "role.read",
  "role.write",
  "key.read",
  "key.write",
] as const;
export type AdminRight = (typeof ADMIN_RIGHTS)[number];

/** @returns whether a route's right is an administrator's */
export function isAdminRight(right: string): right is AdminRight {
  return (ADMIN_RIGHTS as readonly string[]).includes(right);
}

/** Rights over what belongs to one realm. All others are over secrets, whose path says the realm, or over the trustee as a whole. */
const REALM_RIGHTS: readonly string[] = [
  "policy.read",
  "policy.write",
  "reference.read",
  "reference.write",
  "decision.read",
  "denial.read",
  "denial.write",
] satisfies AdminRight[];

/** @returns whether what a right is over belongs to one realm */
export function isRealmRight(right: AdminRight): boolean {
  return REALM_RIGHTS.includes(right);
}
