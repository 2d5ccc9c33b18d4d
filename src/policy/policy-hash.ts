import { createHash } from "node:crypto";

/** @returns lower-case hex SHA-384 of the policy's UTF-8 text, as tokens carry it (trustee.md §5.3, §5.7) */
export function policyHash(text: string): string {
  return createHash("sha384").update(text, "utf8").digest("hex");
}
