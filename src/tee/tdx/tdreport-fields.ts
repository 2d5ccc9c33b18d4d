import { type Field, readFields, snakeCase } from "./layout.ts";
import type { ShownField } from "./quote-fields.ts";

/** Bytes of a TDREPORT, the report that only the same machine can check (tdx.md §3.2). */
export const TDREPORT_SIZE = 1024;

/** Its parts that the first one has digests of; between them lie 17 bytes that nothing covers. */
export const TDREPORT_PARTS = { teeTcbInfo: [256, 239], tdInfo: [512, 512] } as const satisfies Record<string, Field>;

/** REPORTMACSTRUCT: what the processor says and signs for itself. */
export const REPORT_MAC_FIELDS = {
  type: [0, 4],
  cpuSvn: [16, 16],
  teeTcbInfoHash: [32, 48],
  tdInfoHash: [80, 48],
  reportData: [128, 64],
  mac: [224, 32],
} as const satisfies Record<string, Field>;

/** TEE_TCB_INFO: the module. */
const TEE_TCB_INFO_FIELDS = {
  valid: [256, 8],
  teeTcbSvn: [264, 16],
  mrSeam: [280, 48],
  mrSignerSeam: [328, 48],
  attributes: [376, 8],
  teeTcbSvn2: [384, 16],
} as const satisfies Record<string, Field>;

/** TDINFO: the machine. */
export const TD_INFO_FIELDS = {
  attributes: [512, 8],
  xfam: [520, 8],
  mrTd: [528, 48],
  mrConfigId: [576, 48],
  mrOwner: [624, 48],
  mrOwnerConfig: [672, 48],
  rtmr0: [720, 48],
  rtmr1: [768, 48],
  rtmr2: [816, 48],
  rtmr3: [864, 48],
  servTdHash: [912, 48],
} as const satisfies Record<string, Field>;

/** A TDREPORT field by field. @param bytes  1024 bytes */
export function showTdreport(bytes: Uint8Array): readonly ShownField[] {
  const parts = { REPORTMACSTRUCT: REPORT_MAC_FIELDS, TEE_TCB_INFO: TEE_TCB_INFO_FIELDS, TDINFO: TD_INFO_FIELDS };
  return Object.entries<Readonly<Record<string, Field>>>(parts).flatMap(([part, fields]) =>
    Object.entries(readFields(bytes, fields)).map(([name, value]) => ({ part, offset: fields[name]![0], name: snakeCase(name), value })),
  );
}
