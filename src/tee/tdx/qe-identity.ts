import { z } from "zod";
import { type ComponentLevel, componentLevels, dateField, hexField, svn16 } from "./document-fields.ts";
import type { EnclaveReport } from "./enclave-report.ts";
import { sameBytes } from "./layout.ts";
import { type QuotedTee, refusal } from "./refusal.ts";

/** Which quoting enclave the manufacturer vouches for (tdx.md §2.4). */
export interface QeIdentity {
  readonly id: "QE" | "TD_QE" | "QVE";
  /** seconds since 1970 */
  readonly issueDate: number;
  readonly nextUpdate: number;
  readonly evaluationNumber: number;
  readonly miscSelect: Uint8Array;
  readonly miscSelectMask: Uint8Array;
  readonly attributes: Uint8Array;
  readonly attributesMask: Uint8Array;
  readonly mrSigner: Uint8Array;
  readonly isvProdId: number;
  /** highest first */
  readonly levels: readonly ComponentLevel[];
}

const schema = z
  .object({
    id: z.enum(["QE", "TD_QE", "QVE"]),
    version: z.literal(2),
    issueDate: dateField,
    nextUpdate: dateField,
    tcbEvaluationDataNumber: z.int().min(0).max(0xffffffff),
    miscselect: hexField(4),
    miscselectMask: hexField(4),
    attributes: hexField(16),
    attributesMask: hexField(16),
    mrsigner: hexField(32),
    isvprodid: svn16,
    tcbLevels: componentLevels,
  })
  .transform(
    (identity): QeIdentity => ({
      id: identity.id,
      issueDate: identity.issueDate,
      nextUpdate: identity.nextUpdate,
      evaluationNumber: identity.tcbEvaluationDataNumber,
      miscSelect: identity.miscselect,
      miscSelectMask: identity.miscselectMask,
      attributes: identity.attributes,
      attributesMask: identity.attributesMask,
      mrSigner: identity.mrsigner,
      isvProdId: identity.isvprodid,
      levels: identity.tcbLevels,
    }),
  );

/** @throws ZodError where the object is not as the manufacturer documents it */
export const readQeIdentity = (value: unknown): QeIdentity => schema.parse(value);

/** Checks the quoting enclave's report against its identity (tdx.md §2.7.2). @throws CaiError `qe-identity-mismatch` */
export function checkQeIdentity(report: EnclaveReport, identity: QeIdentity, tee: QuotedTee): void {
  const check = (ok: boolean, what: string, expected: string, got: string): void => {
    if (!ok) throw refusal(tee, "qe-identity-mismatch", what, expected, got);
  };
  const id = tee === "tdx" ? "TD_QE" : "QE";
  check(identity.id === id, "id of the QE identity", id, identity.id);
  const { miscSelect, attributes, mrSigner } = identity;
  check(
    equalUnderMask(report.miscSelect, miscSelect, identity.miscSelectMask),
    "QE MISCSELECT",
    miscSelect.toHex(),
    report.miscSelect.toHex(),
  );
  // The mask of every identity covers DEBUG, so this is what refuses a quoting enclave that can be read.
  check(
    equalUnderMask(report.attributes, attributes, identity.attributesMask),
    "QE ATTRIBUTES",
    attributes.toHex(),
    report.attributes.toHex(),
  );
  check(sameBytes(report.mrSigner, mrSigner), "QE MRSIGNER", mrSigner.toHex(), report.mrSigner.toHex());
  check(report.isvProdId === identity.isvProdId, "QE ISVPRODID", `${identity.isvProdId}`, `${report.isvProdId}`);
}

/** True where `value`, with the bits outside `mask` cleared, is `expected`. */
export const equalUnderMask = (value: Uint8Array, expected: Uint8Array, mask: Uint8Array): boolean =>
  value.length === expected.length && value.every((byte, index) => (byte & mask[index]!) === expected[index]);
