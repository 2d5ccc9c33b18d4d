import { z } from "zod";

/** Hexadecimal of exactly `size` bytes, either case. */
export const hexField = (size: number) =>
  z
    .string()
    .regex(new RegExp(`^[0-9A-Fa-f]{${size * 2}}$`), { error: `expected ${size} bytes of hexadecimal` })
    .transform((text) => Uint8Array.fromHex(text));

/** `YYYY-MM-DDThh:mm:ssZ` as seconds since 1970; no other spelling (tdx.md §2.4). */
export const dateField = z.iso.datetime({ precision: 0, offset: false, local: false }).transform((text) => Date.parse(text) / 1000);

export const svn8 = z.int().min(0).max(0xff);
export const svn16 = z.int().min(0).max(0xffff);
export const advisories = z.array(z.string().regex(/^[\w.-]{1,64}$/)).default([]);

export const PLATFORM_STATUSES = [
  "UpToDate",
  "SWHardeningNeeded",
  "ConfigurationNeeded",
  "ConfigurationAndSWHardeningNeeded",
  "OutOfDate",
  "OutOfDateConfigurationNeeded",
  "Revoked",
] as const;
export type PlatformStatus = (typeof PLATFORM_STATUSES)[number];

/** Statuses of a TDX module or a quoting enclave. */
const COMPONENT_STATUSES = ["UpToDate", "OutOfDate", "Revoked"] as const;
export type ComponentStatus = (typeof COMPONENT_STATUSES)[number];

/** One level of a TDX module or a quoting enclave: from this security version number on, this status. */
export interface ComponentLevel {
  readonly isvSvn: number;
  /** seconds since 1970 */
  readonly date: number;
  readonly status: ComponentStatus;
  readonly advisories: readonly string[];
}

const levelSchema = z
  .object({ tcb: z.object({ isvsvn: svn16 }), tcbDate: dateField, tcbStatus: z.enum(COMPONENT_STATUSES), advisoryIDs: advisories })
  .transform(
    (level): ComponentLevel => ({
      isvSvn: level.tcb.isvsvn,
      date: level.tcbDate,
      status: level.tcbStatus,
      advisories: level.advisoryIDs,
    }),
  );

/** Levels, highest first, each number once. */
export const componentLevels = z
  .array(levelSchema)
  .min(1)
  .max(256)
  .refine((levels) => new Set(levels.map(({ isvSvn }) => isvSvn)).size === levels.length, { error: "expected each isvsvn once" })
  .transform((levels): readonly ComponentLevel[] => levels.toSorted((a, b) => b.isvSvn - a.isvSvn));
