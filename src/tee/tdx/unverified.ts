import { z } from "zod";
import { parseCertificate } from "../../crypto/index.ts";
import { CaiError } from "../../system/index.ts";
import { type PckFacts, readPck, SGX_EXTENSION } from "./pck.ts";
import { type QeIdentity, readQeIdentity } from "./qe-identity.ts";
import { JsonRefused } from "./signed-json.ts";
import { readTcbInfo, type TcbInfo } from "./tcb-info.ts";

// What documents and certificates say, for showing it. Nothing is verified here, so nothing may be decided on it.

/** @param value  the object `tcbInfo` of a signed document. @throws CaiError `tdx.tcb-info-malformed` */
export const readUnverifiedTcbInfo = (value: unknown): TcbInfo => shown("TCB info", "tdx.tcb-info-malformed", () => readTcbInfo(value));

/** @param value  the object `enclaveIdentity` of a signed document. @throws CaiError `tdx.qe-identity-malformed` */
export const readUnverifiedQeIdentity = (value: unknown): QeIdentity =>
  shown("QE identity", "tdx.qe-identity-malformed", () => readQeIdentity(value));

/** @returns what a certificate says of an SGX or TDX machine; undefined where it is of no such machine, or says it in another form */
export function readUnverifiedPck(der: Uint8Array): PckFacts | undefined {
  try {
    const certificate = parseCertificate(der);
    return certificate.extensions.has(SGX_EXTENSION) ? readPck(certificate) : undefined;
  } catch (error) {
    if (error instanceof CaiError) return undefined;
    throw error;
  }
}

function shown<T>(name: string, id: "tdx.tcb-info-malformed" | "tdx.qe-identity-malformed", read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (cause instanceof JsonRefused) throw new CaiError(id, `${name}: ${cause.message}`, { expected: cause.expected, got: cause.got });
    if (!(cause instanceof z.ZodError)) throw cause;
    const [issue] = cause.issues;
    throw new CaiError(id, `${name}, /${issue?.path.join("/") ?? ""}: ${issue?.message ?? "another form"}`, { cause });
  }
}
