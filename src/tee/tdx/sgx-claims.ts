import type { JsonObject } from "../../system/index.ts";
import type { Claims } from "../tee.ts";
import { verdictClaims } from "./claims.ts";
import { ENCLAVE_REPORT_REST, type EnclaveReport } from "./enclave-report.ts";
import { readFields, u16 } from "./layout.ts";
import type { Quote } from "./quote.ts";
import type { QuoteVerdict } from "./verify.ts";

/** DEBUG in the first byte of ATTRIBUTES: the enclave's memory can be read (tdx.md §1.4). */
const DEBUG = 0x02;

/**
 * The claims of a verified SGX quote: header and body under the names of trustee.md §6.5, and what the manufacturer says of the platform under the
 * same names as for TDX.
 *
 * @param now  seconds since 1970
 */
export function sgxClaims(verdict: QuoteVerdict, report: EnclaveReport, now: number): Claims {
  const reportData = report.reportData.toHex();
  const initData = report.configId.toHex();
  const { members, ...rest } = verdictClaims(verdict, now, (report.attributes[0]! & DEBUG) !== 0);
  return {
    ...rest,
    tee: "sgx",
    reportData,
    initData,
    members: { header: headerClaims(verdict.quote), body: bodyClaims(report), report_data: reportData, init_data: initData, ...members },
  };
}

function headerClaims({ header }: Quote): JsonObject {
  return {
    version: header.version.toHex(),
    att_key_type: header.attestationKeyType.toHex(),
    att_key_data_0: header.teeType.toHex(),
    qe_svn: header.reserved.subarray(0, 2).toHex(),
    pce_svn: header.reserved.subarray(2, 4).toHex(),
    vendor_id: header.vendorId.toHex(),
    user_data: header.userData.toHex(),
  };
}

function bodyClaims(report: EnclaveReport): JsonObject {
  const rest = readFields(report.bytes, ENCLAVE_REPORT_REST);
  return {
    cpu_svn: report.cpuSvn.toHex(),
    misc_select: report.miscSelect.toHex(),
    reserved1: rest.reserved1.toHex(),
    isv_ext_prod_id: rest.isvExtProdId.toHex(),
    "attributes.flags": report.attributes.subarray(0, 8).toHex(),
    "attributes.xfrm": report.attributes.subarray(8).toHex(),
    mr_enclave: report.mrEnclave.toHex(),
    reserved2: rest.reserved2.toHex(),
    mr_signer: report.mrSigner.toHex(),
    reserved3: rest.reserved3.toHex(),
    config_id: report.configId.toHex(),
    isv_prod_id: u16(report.isvProdId).toHex(),
    isv_svn: u16(report.isvSvn).toHex(),
    config_svn: rest.configSvn.toHex(),
    reserved4: rest.reserved4.toHex(),
    isv_family_id: rest.isvFamilyId.toHex(),
    report_data: report.reportData.toHex(),
  };
}
