import type { JsonObject, JsonValue } from "../system/index.ts";

/** How much of what runs was measured and compared (security.md §1.4). */
export type AssuranceLevel = "L0" | "L1" | "L2" | "L3";

/** Reference values by name; each an array of allowed values. */
export type ReferenceValues = JsonObject;

/** The registers that together hold firmware, kernel, initrd and command line of a platform, and where its claims have them. */
const BOOTS = [
  { platform: "tdx", path: ["quote", "body"], registers: ["mr_td", "rtmr_0", "rtmr_1", "rtmr_2"] },
  // Only version 2 reports have registers (csv.md §3.4).
  { platform: "csv", path: [], registers: ["measure", "rtmr1", "rtmr2", "rtmr3"] },
] as const;

/** Platforms of which one piece of evidence may name one: what one shows does not count for another. */
const PLATFORMS = ["csv", "sample", "sgx", "snp", "tdx"] as const;

/**
 * The level that a comparison of evidence with reference values proves (security.md §1.4, I17).
 *
 * L1 needs each boot register to equal one of its own reference values. SNP stays at L0: whether its one measurement covers the kernel
 * depends on a firmware that looks at the hashes, which the report does not show; so does SGX, which has no boot. L2 and L3 need the root
 * hash and the configuration to be found in events that replay to those registers; nothing here compares them, so they are never claimed.
 *
 * @param evidence    the annotated-evidence object (trustee.md §5.2)
 * @param references  reference values by name, for example `tdx.mr_td`
 */
export function assurance(evidence: JsonObject, references: ReferenceValues): AssuranceLevel {
  if (PLATFORMS.filter((platform) => Object.hasOwn(evidence, platform)).length !== 1) return "L0";
  const boot = BOOTS.some(({ platform, path, registers }) => {
    const claims = path.reduce<JsonValue | undefined>((of, name) => member(of, name), member(evidence, platform));
    return registers.every((register) => isReference(member(claims, register), member(references, `${platform}.${register}`)));
  });
  return boot ? "L1" : "L0";
}

function isReference(measured: JsonValue | undefined, allowed: JsonValue | undefined): boolean {
  return typeof measured === "string" && measured !== "" && Array.isArray(allowed) && allowed.includes(measured);
}

function member(of: JsonValue | undefined, name: string): JsonValue | undefined {
  if (typeof of !== "object" || of === null || Array.isArray(of) || !Object.hasOwn(of, name)) return undefined;
  return (of as JsonObject)[name];
}
