import { describe, expect, test } from "bun:test";
import { extendRtmr, getQuote, getReport0 } from "../../../../src/tee/tdx/attest/guest-calls.ts";
import { decodeQuoteResponse, encodeQuoteRequest } from "../../../../src/tee/tdx/attest/qgs-message.ts";
import { parseQuote } from "../../../../src/tee/tdx/index.ts";
import { errorId, REPORT_DATA } from "../testing.ts";
import { FakeCalls } from "./fakes/device-calls.ts";
import { extended, FakeGuest } from "./fakes/fake-guest.ts";

const guest = () => new FakeGuest();
const digest = new Uint8Array(48).fill(9);

describe("the calls of the guest device", () => {
  test("ask for a TDREPORT with 1088 bytes, the report data first", () => {
    const calls = new FakeCalls(guest());
    expect(getReport0(calls, REPORT_DATA)).toEqual(guest().tdreport(REPORT_DATA));
    const [{ request, input } = { request: 0, input: new Uint8Array() }] = calls.calls;
    expect([request, input.length, input.subarray(0, 64), input.subarray(64).every((byte) => byte === 0)]).toEqual([
      0xc4405401,
      1088,
      REPORT_DATA,
      true,
    ]);
  });

  test("extend a register with its number after the digest, in whichever spelling the kernel knows", () => {
    for (const [knows, asked] of [
      [[0x40315403], [0x40315403]],
      [[0x80315403], [0x40315403, 0x80315403]],
    ] as const) {
      const td = guest();
      const calls = new FakeCalls(td, { knows });
      extendRtmr(calls, 3, digest);
      expect(calls.calls.map(({ request }) => request)).toEqual([...asked]);
      expect(calls.calls[0]?.input).toEqual(Uint8Array.of(...digest, 3));
      expect(td.rtmrs[3]?.toHex()).toBe(extended(guest().rtmrs[3]!, digest).toHex());
    }
  });

  test("that the kernel does not know, or does not take, are its error", () => {
    expect(() => extendRtmr(new FakeCalls(guest(), { knows: [] }), 3, digest)).toThrow("ENOTTY");
    const calls = new FakeCalls(guest(), { errno: "EINVAL" });
    expect(() => extendRtmr(calls, 0, digest)).toThrow("EINVAL");
    expect(calls.calls).toHaveLength(1);
    expect(() => getReport0(new FakeCalls(guest(), { errno: "EIO" }), REPORT_DATA)).toThrow("EIO");
  });

  test("carry a message to the service in a buffer of 16 KiB, and its answer back", () => {
    for (const request of [0x80105404, 0xc0105404, 0x40105404]) {
      const calls = new FakeCalls(guest(), { knows: [request] });
      const message = encodeQuoteRequest(guest().tdreport(REPORT_DATA));
      const quote = decodeQuoteResponse(getQuote(calls, message));
      expect(parseQuote(quote).body.report.reportData).toEqual(REPORT_DATA);
      const { input } = calls.calls.at(-1)!;
      expect(input.length).toBe(16 * 1024);
      expect(input.subarray(0, 28).toHex()).toBe("0100000000000000" + "0000000000000000" + "1c040000" + "00000000" + "00000418");
    }
  });

  test("whose answer the host leaves open, refuses, or says other lengths of, are an error", () => {
    const quoted = (options: ConstructorParameters<typeof FakeCalls>[1]) =>
      errorId(() => getQuote(new FakeCalls(guest(), options), encodeQuoteRequest(guest().tdreport(REPORT_DATA))));
    expect(quoted({ status: 0xffff_ffff_ffff_ffffn })).toBe("tdx.quote-timeout");
    expect(quoted({ status: 0x8000_0000_0000_0001n })).toBe("tdx.qgs-refused");
    expect(quoted({ status: 0x8000_0000_0000_0000n })).toBe("tdx.qgs-refused");
    expect(quoted({ answer: new Uint8Array() })).toBe("tdx.qgs-malformed");
    expect(quoted({ answer: Uint8Array.of(0, 0, 0, 9, 1) })).toBe("tdx.qgs-malformed");
    expect(quoted({ answer: new Uint8Array(16 * 1024) })).toBe("tdx.qgs-malformed");
  });
});
