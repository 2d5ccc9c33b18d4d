import type { Field } from "./layout.ts";
import type { ShownField } from "./quote-fields.ts";

/** Bytes of a TDREPORT, which only the same machine can check (tdx.md §3.2). */
export const TDREPORT_SIZE = 1024;

const TDREPORT_FIELDS = {
  "REPORTMACSTRUCT type": [0, 4],
  "REPORTMACSTRUCT cpu_svn": [16, 16],
  "REPORTMACSTRUCT tee_tcb_info_hash": [32, 48],
  "REPORTMACSTRUCT tee_info_hash": [80, 48],
  "REPORTMACSTRUCT report_data": [128, 64],
  "REPORTMACSTRUCT mac": [224, 32],
  "TEE_TCB_INFO valid": [256, 8],
  "TEE_TCB_INFO tee_tcb_svn": [264, 16],
  "TEE_TCB_INFO mr_seam": [280, 48],
  "TEE_TCB_INFO mr_signer_seam": [328, 48],
  "TEE_TCB_INFO attributes": [376, 8],
  "TEE_TCB_INFO tee_tcb_svn2": [384, 16],
  "TDINFO attributes": [512, 8],
  "TDINFO xfam": [520, 8],
  "TDINFO mr_td": [528, 48],
  "TDINFO mr_config_id": [576, 48],
  "TDINFO mr_owner": [624, 48],
  "TDINFO mr_owner_config": [672, 48],
  "TDINFO rtmr_0": [720, 48],
  "TDINFO rtmr_1": [768, 48],
  "TDINFO rtmr_2": [816, 48],
  "TDINFO rtmr_3": [864, 48],
  "TDINFO servtd_hash": [912, 48],
} as const satisfies Record<string, Field>;

/** A TDREPORT field by field. @param bytes  1024 bytes */
export function showTdreport(bytes: Uint8Array): readonly ShownField[] {
  return Object.entries<Field>(TDREPORT_FIELDS).map(([title, [offset, size]]) => {
    const [part, name] = title.split(" ") as [string, string];
    return { part, offset, name, value: bytes.subarray(offset, offset + size) };
  });
}
