import { CaiError } from "../../system/index.ts";
import { ROOT_REALM } from "./store/index.ts";

/** One to three segments, as resource paths have them. */
const REALM = /^[A-Za-z0-9_-][A-Za-z0-9_.-]*(\/[A-Za-z0-9_-][A-Za-z0-9_.-]*){0,2}$/;
const MAX_REALM = 256;

/**
 * Reads the name of a realm: the prefix of resource paths that it has, in whole segments (security.md I21).
 *
 * @param text  null for the root realm
 * @throws CaiError `kbs.path-invalid`
 */
export function readRealm(text: string | null): string {
  if (text === null || text === ROOT_REALM) return ROOT_REALM;
  if (text.length <= MAX_REALM && REALM.test(text) && !text.includes("..")) return text;
  throw new CaiError("kbs.path-invalid", "the realm is no prefix of resource paths", {
    expected: "repository, repository/type or repository/type/tag",
    got: text.slice(0, 64),
  });
}
