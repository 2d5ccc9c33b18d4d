import { readFields } from "./layout.ts";

/** Sizes of TD report bodies in bytes by their body type (tdx.md §1.2). */
export const TD_REPORT_SIZES = { 2: 584, 3: 648, 4: 885 } as const;
export type TdReportType = keyof typeof TD_REPORT_SIZES;

/** Fields that every TD report has (tdx.md §1.3). */
export const TD_REPORT_FIELDS = {
  teeTcbSvn: [0, 16],
  mrSeam: [16, 48],
  mrSignerSeam: [64, 48],
  seamAttributes: [112, 8],
  tdAttributes: [120, 8],
  xfam: [128, 8],
  mrTd: [136, 48],
  mrConfigId: [184, 48],
  mrOwner: [232, 48],
  mrOwnerConfig: [280, 48],
  rtmr0: [328, 48],
  rtmr1: [376, 48],
  rtmr2: [424, 48],
  rtmr3: [472, 48],
  reportData: [520, 64],
} as const;

/** Fields that a report of TDX 1.5 adds. */
export const TD_REPORT_15_FIELDS = { teeTcbSvn2: [584, 16], mrServiceTd: [600, 48] } as const;

/** Fields that the extended report adds. Nothing is decided on them. */
export const TD_REPORT_EXTENDED_FIELDS = {
  vmId: [648, 1],
  tdId: [649, 32],
  devInfo: [681, 48],
  initServTdHash: [729, 48],
  initServTdAttributes: [777, 8],
  initCpuSvn: [785, 16],
  initTeeTcbSvn: [801, 16],
  initTeeFmspc: [817, 12],
  curServTdHash: [829, 48],
  curServTdAttributes: [877, 8],
} as const;

/** A TD report body. */
export interface TdReport extends Readonly<Record<keyof typeof TD_REPORT_FIELDS, Uint8Array>> {
  readonly type: TdReportType;
  /** present for TDX 1.5: SVNs of the module that is loaded now, and the hash over bound service TDs */
  readonly later: Readonly<Record<keyof typeof TD_REPORT_15_FIELDS, Uint8Array>> | undefined;
}

/** @param bytes  exactly as many as `TD_REPORT_SIZES[type]` */
export function readTdReport(bytes: Uint8Array, type: TdReportType): TdReport {
  return { ...readFields(bytes, TD_REPORT_FIELDS), type, later: type === 2 ? undefined : readFields(bytes, TD_REPORT_15_FIELDS) };
}
