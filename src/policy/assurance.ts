import type { JsonObject, JsonValue } from "../system/index.ts";

/** How much of what runs was measured and compared (security.md §1.4). */
export type AssuranceLevel = "L0" | "L1" | "L2" | "L3";

/** Reference values by name; each an array of allowed values. */
export type ReferenceValues = JsonObject;

/** The registers that together hold firmware, kernel, initrd and command line of a TD. */
const BOOT_REGISTERS = ["mr_td", "rtmr_0", "rtmr_1", "rtmr_2"] as const;

/**
 * The level that a comparison of evidence with reference values proves (security.md §1.4, I17).
 *
 * L1 needs each boot register to equal one of its own reference values. L2 and L3 need the root hash and the configuration to be found
 * in events that replay to those registers; nothing here compares them, so they are never claimed.
 *
 * @param evidence    the annotated-evidence object (trustee.md §5.2)
 * @param references  reference values by name, for example `tdx.mr_td`
 */
export function assurance(evidence: JsonObject, references: ReferenceValues): AssuranceLevel {
  const body = member(member(member(evidence, "tdx"), "quote"), "body");
  const boot = BOOT_REGISTERS.every((register) => isReference(member(body, register), member(references, `tdx.${register}`)));
  return boot ? "L1" : "L0";
}

function isReference(measured: JsonValue | undefined, allowed: JsonValue | undefined): boolean {
  return typeof measured === "string" && measured !== "" && Array.isArray(allowed) && allowed.includes(measured);
}

function member(of: JsonValue | undefined, name: string): JsonValue | undefined {
  if (typeof of !== "object" || of === null || Array.isArray(of) || !Object.hasOwn(of, name)) return undefined;
  return (of as JsonObject)[name];
}
