import { createHash } from "node:crypto";
import { SimulatedPlatform } from "../../../../../src/tee/tdx/index.ts";
import { writeFields } from "../../../../../src/tee/tdx/layout.ts";
import { NOW, SEED } from "../../testing.ts";

/** Registers of a TD, each 48 bytes. */
export interface GuestRegisters {
  readonly mrTd: Uint8Array;
  readonly mrConfigId: Uint8Array;
  readonly rtmrs: readonly Uint8Array[];
}

const ATTRIBUTES = Uint8Array.of(0, 0, 0, 0x10, 0, 0, 0, 0);
const XFAM = Uint8Array.of(0xe7, 0x02, 0x06, 0, 0, 0, 0, 0);
const TEE_TCB_SVN = Uint8Array.of(7, 1, 4);

const REPORT = { type: [0, 4], tcbHash: [32, 48], infoHash: [80, 48], reportData: [128, 64], mac: [224, 32] } as const;
const TCB_INFO = { valid: [256, 8], teeTcbSvn: [264, 16] } as const;
const TD_INFO = {
  attributes: [512, 8],
  xfam: [520, 8],
  mrTd: [528, 48],
  mrConfigId: [576, 48],
  rtmr0: [720, 48],
  rtmr1: [768, 48],
  rtmr2: [816, 48],
  rtmr3: [864, 48],
} as const;

/** A TD on the simulated platform of these tests: what a kernel and a host would get from the hardware for it. */
export class FakeGuest {
  static readonly platform = SimulatedPlatform.create({ seed: SEED, now: NOW });
  readonly mrTd: Uint8Array = new Uint8Array(48).fill(0x1d);
  readonly mrConfigId: Uint8Array = new Uint8Array(48).fill(0xc0);
  readonly rtmrs: Uint8Array[];

  constructor(rtmrs: readonly Uint8Array[] = [0xa0, 0xa1, 0xa2, 0].map((byte) => new Uint8Array(48).fill(byte))) {
    this.rtmrs = rtmrs.map((rtmr) => Uint8Array.from(rtmr));
  }

  extend(register: number, digest: Uint8Array): void {
    this.rtmrs[register] = extended(this.rtmrs[register]!, digest);
  }

  quote(reportData: Uint8Array): Uint8Array {
    return quoteOver(reportData, this);
  }

  /** The TDREPORT of tdx.md §3.2. */
  tdreport(reportData: Uint8Array): Uint8Array {
    const [rtmr0, rtmr1, rtmr2, rtmr3] = this.rtmrs as [Uint8Array, Uint8Array, Uint8Array, Uint8Array];
    const bytes = new Uint8Array(1024);
    writeFields(bytes, TCB_INFO, { valid: Uint8Array.of(0xff, 1), teeTcbSvn: TEE_TCB_SVN });
    const { mrTd, mrConfigId } = this;
    writeFields(bytes, TD_INFO, { attributes: ATTRIBUTES, xfam: XFAM, mrTd, mrConfigId, rtmr0, rtmr1, rtmr2, rtmr3 });
    return writeFields(bytes, REPORT, {
      type: Uint8Array.of(0x81, 0, 0, 0),
      tcbHash: sha384(bytes.subarray(256, 495)),
      infoHash: sha384(bytes.subarray(512)),
      reportData,
      mac: new Uint8Array(32).fill(0xac),
    });
  }
}

/** What a quoting enclave makes of a TDREPORT. */
export function quoteOfTdreport(report: Uint8Array): Uint8Array {
  const at = (offset: number, size = 48) => report.slice(offset, offset + size);
  return quoteOver(at(128, 64), { mrTd: at(528), mrConfigId: at(576), rtmrs: [at(720), at(768), at(816), at(864)] });
}

export const extended = (register: Uint8Array, digest: Uint8Array): Uint8Array => sha384(Buffer.concat([register, digest]));

function quoteOver(reportData: Uint8Array, { mrTd, mrConfigId, rtmrs }: GuestRegisters): Uint8Array {
  return FakeGuest.platform.quote({ reportData, mrTd, mrConfigId, rtmrs, tdAttributes: ATTRIBUTES, teeTcbSvn: TEE_TCB_SVN });
}

function sha384(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash("sha384").update(bytes).digest());
}
