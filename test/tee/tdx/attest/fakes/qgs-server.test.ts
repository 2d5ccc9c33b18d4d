import { expect, test } from "bun:test";
import { decodeQuoteResponse, encodeQuoteRequest } from "../../../../../src/tee/tdx/attest/qgs-message.ts";
import { parseQuote } from "../../../../../src/tee/tdx/index.ts";
import { changed, errorId, REPORT_DATA } from "../../testing.ts";
import { FakeGuest } from "./fake-guest.ts";
import { answerTo } from "./qgs-server.ts";

const guest = new FakeGuest();
const request = encodeQuoteRequest(guest.tdreport(REPORT_DATA));
const answer = (asked: Uint8Array) => decodeQuoteResponse(answerTo(asked).subarray(4));

test("a quote has the report data and registers of the TDREPORT that it is made of", () => {
  const { body } = parseQuote(answer(request));
  if (body.kind !== "td") throw new Error("no TDX quote");
  const { reportData, mrTd, mrConfigId, rtmr0, rtmr1, rtmr2, rtmr3 } = body.report;
  expect(reportData).toEqual(REPORT_DATA);
  expect([mrTd, mrConfigId, rtmr0, rtmr1, rtmr2, rtmr3].map((value) => value.toHex())).toEqual(
    [guest.mrTd, guest.mrConfigId, ...guest.rtmrs].map((value) => value.toHex()),
  );
});

test("a message that is no request is refused as the protocol says", () => {
  for (const size of [0, 3, 24, 1047]) expect(errorId(() => answer(request.subarray(0, size)))).toBe("tdx.qgs-refused");
  for (const at of [0, 4, 8, 16]) {
    const other = changed(request, (copy) => {
      copy[at]! ^= 2;
    });
    expect(errorId(() => answer(other))).toBe("tdx.qgs-refused");
  }
});
