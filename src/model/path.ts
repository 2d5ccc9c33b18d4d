/** Rules for the names in an index (model-format.md §3.6). Paths are relative, with `/` between components. */

const SURROGATES = 0xd800;
const BEHIND_SURROGATES = 0xe000;
const SLASH = 0x2f;

/** @returns true for a relative path without empty, `.` and `..` components and NUL, whose text is valid Unicode */
export function checkPath(path: string): boolean {
  return path.isWellFormed() && !path.includes("\0") && path.split("/").every((name) => name !== "" && name !== "." && name !== "..");
}

/** @returns true where `target`, seen from the symlink `path`, is relative and lexically never above the root */
export function checkTarget(path: string, target: string): boolean {
  if (target === "" || target.startsWith("/") || target.includes("\0") || !target.isWellFormed()) return false;
  let depth = path.split("/").length - 1;
  for (const name of target.split("/")) {
    if (name === "..") depth--;
    else if (name !== "" && name !== ".") depth++;
    if (depth < 0) return false;
  }
  return true;
}

/** The directory that holds `path`; the empty text for the root. */
export function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf("/")));
}

/**
 * The order of an index: a directory's names by their UTF-8 bytes, each directory followed at once by its content.
 *
 * @returns negative, zero or positive
 */
export function comparePaths(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return rank(x) - rank(y);
  }
  return a.length - b.length;
}

/** Orders UTF-16 units as the UTF-8 of their characters, and the separator before every character of a name. */
function rank(unit: number): number {
  if (unit === SLASH) return 0;
  if (unit < SURROGATES) return unit;
  return unit < BEHIND_SURROGATES ? unit + 0x2000 : unit - 0x800;
}
