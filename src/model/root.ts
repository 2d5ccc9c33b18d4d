import { CaiError } from "../system/index.ts";

/** Two roots may be pinned while one version of a model follows another (security.md §3.7). */
const MAX_ROOTS = 2;

/** @returns `text` where it is `sha256:` and 64 lower-case hex digits. @throws CaiError `model.root-invalid` */
export function parseRoot(text: string): string {
  if (/^sha256:[0-9a-f]{64}$/.test(text)) return text;
  throw new CaiError("model.root-invalid", "a root has another form", { expected: "sha256:<64 hex digits>", got: text.slice(0, 80) });
}

/**
 * Reads the lines of a `.root` resource: one or two roots, newest first, each ended by a line feed (the last one may lack it).
 *
 * @throws CaiError `model.root-invalid`
 */
export function parseRootLines(text: string): string[] {
  const lines = text.replace(/\n$/, "").split("\n");
  if (lines.length > MAX_ROOTS) {
    throw new CaiError("model.root-invalid", "there are too many roots", { expected: `at most ${MAX_ROOTS}`, got: String(lines.length) });
  }
  return lines.map(parseRoot);
}

/** The text of a `.root` resource. @param roots  newest first. @throws CaiError `model.root-invalid` */
export function formatRootLines(roots: readonly string[]): string {
  const text = roots.map((root) => `${root}\n`).join("");
  parseRootLines(text);
  return text;
}
