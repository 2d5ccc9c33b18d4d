import { createHash } from "node:crypto";

/** Texts whose hash is remembered: a trustee asks the same few policies again and again. */
const REMEMBERED = 64;
const LONGEST_REMEMBERED = 65_536;
const remembered = new Map<string, string>();

/** @returns lower-case hex SHA-384 of the policy's UTF-8 text, as tokens carry it (trustee.md §5.3, §5.7) */
export function policyHash(text: string): string {
  const known = remembered.get(text);
  if (known !== undefined) return known;
  const hash = createHash("sha384").update(text, "utf8").digest("hex");
  if (text.length <= LONGEST_REMEMBERED) {
    if (remembered.size >= REMEMBERED) remembered.delete(remembered.keys().next().value!);
    remembered.set(text, hash);
  }
  return hash;
}
