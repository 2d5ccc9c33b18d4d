import { buildRevocationList, certificatePem } from "../../../crypto/index.ts";
import type { Collateral } from "../collateral.ts";
import type { SignedText } from "../signed-json.ts";
import { rfc3339 } from "../validity.ts";
import { NAMES, SIMULATED_FMSPC, SIMULATED_PCE_ID, type SimulatedCertificates } from "./certificates.ts";
import type { SimulatedKnobs } from "./knobs.ts";

/** Who signs simulated quoting enclaves. */
export const QE_MR_SIGNER: Uint8Array = new Uint8Array(32).fill(0xab);
export const QE_PROD_ID = 2;

/** The only one that simulated collateral is of. */
export const SIMULATED_EVALUATION_NUMBER = 20;
const RECENT = "2025-08-13T00:00:00Z";
const OLD = "2024-03-13T00:00:00Z";

const NO_SIGNER = "00".repeat(48);
const MODULE_SIGNER = { mrsigner: NO_SIGNER, attributes: "00".repeat(8), attributesMask: "FF".repeat(8) };

const padded = (svns: readonly number[]): { svn: number }[] => Array.from({ length: 16 }, (_, index) => ({ svn: svns[index] ?? 0 }));

/** The collateral of a simulated platform, issued at `now` seconds since 1970 (tdx.md §5.2). */
export function makeCollateral(certificates: SimulatedCertificates, knobs: SimulatedKnobs, now: number): Collateral {
  const { keys, serials, ders } = certificates;
  const thisUpdate = Math.floor(now);
  const nextUpdate = thisUpdate + knobs.window;
  const dates = { issueDate: rfc3339(thisUpdate), nextUpdate: rfc3339(nextUpdate) };
  const list = (issuer: "root" | "platform", revoked: readonly bigint[]): Uint8Array =>
    buildRevocationList({
      issuer: NAMES[issuer],
      issuerPublicKey: keys[issuer].point,
      thisUpdate,
      nextUpdate,
      number: 1,
      revoked,
      sign: keys[issuer].sign,
    });
  const named = (name: SimulatedKnobs["revoked"][number], serial: bigint): bigint[] => (knobs.revoked.includes(name) ? [serial] : []);
  const tcbInfo = JSON.stringify(tcbInfoOf(knobs, dates));
  const qeIdentity = JSON.stringify(qeIdentityOf(knobs, dates));
  const sign = (text: string): Uint8Array => keys.signing.sign(new TextEncoder().encode(text));
  return {
    pckCrlIssuerChain: certificatePem(ders.platform, ders.root),
    rootCaCrl: list("root", [...named("intermediate", serials.platform), ...named("tcb-signing", serials.signing)]),
    pckCrl: list("platform", named("pck", serials.pck)),
    tcbInfoIssuerChain: certificatePem(ders.signing, ders.root),
    tcbInfo,
    tcbInfoSignature: sign(tcbInfo),
    qeIdentityIssuerChain: certificatePem(ders.signing, ders.root),
    qeIdentity,
    qeIdentitySignature: sign(qeIdentity),
    pckCertificateChain: undefined,
  };
}

/** The list of evaluation numbers of a simulated platform, signed like its collateral. */
export function makeEvaluationNumbers({ keys }: SimulatedCertificates, knobs: SimulatedKnobs, now: number): SignedText {
  const dates = { issueDate: rfc3339(now), nextUpdate: rfc3339(now + knobs.window) };
  const numbers = [{ tcbEvaluationDataNumber: SIMULATED_EVALUATION_NUMBER, tcbRecoveryEventDate: RECENT, tcbDate: RECENT }];
  const text = JSON.stringify({ id: "TDX", version: 1, ...dates, tcbEvalNumbers: numbers });
  return { text, signature: keys.signing.sign(new TextEncoder().encode(text)) };
}

interface Dates {
  readonly issueDate: string;
  readonly nextUpdate: string;
}

function tcbInfoOf({ platformStatus, moduleStatus }: SimulatedKnobs, dates: Dates) {
  return {
    id: "TDX",
    version: 3,
    ...dates,
    fmspc: SIMULATED_FMSPC.toHex(),
    pceId: SIMULATED_PCE_ID.toHex(),
    tcbType: 0,
    tcbEvaluationDataNumber: SIMULATED_EVALUATION_NUMBER,
    tdxModule: MODULE_SIGNER,
    tdxModuleIdentities: [{ id: "TDX_01", ...MODULE_SIGNER, tcbLevels: componentLevels([7, 5], moduleStatus, "INTEL-SA-90001") }],
    tcbLevels: [
      {
        tcb: { sgxtcbcomponents: padded(Array(8).fill(3)), pcesvn: 13, tdxtcbcomponents: padded([5, 0, 4]) },
        tcbDate: RECENT,
        tcbStatus: platformStatus[0],
      },
      {
        tcb: { sgxtcbcomponents: padded(Array(8).fill(2)), pcesvn: 11, tdxtcbcomponents: padded([5, 0, 2]) },
        tcbDate: OLD,
        tcbStatus: platformStatus[1],
        advisoryIDs: ["INTEL-SA-90002"],
      },
    ],
  };
}

function qeIdentityOf({ qeStatus }: SimulatedKnobs, dates: Dates) {
  return {
    id: "TD_QE",
    version: 2,
    ...dates,
    tcbEvaluationDataNumber: SIMULATED_EVALUATION_NUMBER,
    miscselect: "00000000",
    miscselectMask: "FFFFFFFF",
    attributes: `11${"00".repeat(15)}`,
    attributesMask: `FBFFFFFFFFFFFFFF${"00".repeat(8)}`,
    mrsigner: QE_MR_SIGNER.toHex().toUpperCase(),
    isvprodid: QE_PROD_ID,
    tcbLevels: componentLevels([6, 4], qeStatus, "INTEL-SA-90003"),
  };
}

const componentLevels = ([high, low]: readonly [number, number], [top, second]: readonly [string, string], advisory: string) => [
  { tcb: { isvsvn: high }, tcbDate: RECENT, tcbStatus: top },
  { tcb: { isvsvn: low }, tcbDate: OLD, tcbStatus: second, advisoryIDs: [advisory] },
];
