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
