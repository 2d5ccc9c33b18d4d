import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { CaiError } from "../../../../src/system/index.ts";
import { type ByteStream, exchange, frame, unframe } from "../../../../src/tee/tdx/attest/qgs-frame.ts";
import { decodeQuoteResponse, encodeQuoteRequest, MAX_QGS_MESSAGE } from "../../../../src/tee/tdx/attest/qgs-message.ts";
import { changed, errorId } from "../testing.ts";

/** A response with these parts. */
function response(quote: Uint8Array, id: Uint8Array = new Uint8Array()): Uint8Array {
  const bytes = Buffer.alloc(24 + id.length + quote.length);
  bytes.writeUInt16LE(1, 0);
  bytes.writeUInt32LE(1, 4);
  bytes.writeUInt32LE(bytes.length, 8);
  bytes.writeUInt32LE(id.length, 16);
  bytes.writeUInt32LE(quote.length, 20);
  bytes.set(id, 24);
  bytes.set(quote, 24 + id.length);
  return new Uint8Array(bytes);
}

/** A stream whose other end sends `answer` and closes. */
function streamOf(answer: Uint8Array): ByteStream & { sent: Uint8Array[] } {
  let at = 0;
  const sent: Uint8Array[] = [];
  return {
    sent,
    send: (bytes) => void sent.push(bytes),
    receive: (length) => {
      at += length;
      return answer.slice(at - length, at);
    },
  };
}

const quoteAndId = fc.tuple(fc.uint8Array({ maxLength: 6000 }), fc.uint8Array({ maxLength: 40 }));

describe("the request for a quote", () => {
  test("has the 1048 bytes of the protocol, framed by their length", () => {
    const report = Uint8Array.from({ length: 1024 }, (_, at) => at & 0xff);
    const request = encodeQuoteRequest(report);
    expect(frame(request).subarray(0, 28).toHex()).toBe(
      "00000418" + "01000100" + "00000000" + "18040000" + "00000000" + "00040000" + "00000000",
    );
    expect(request.subarray(24)).toEqual(report);
  });
});

describe("the response", () => {
  test("gives the quote, whatever id precedes it, through a frame and back", () => {
    fc.assert(
      fc.property(quoteAndId, ([quote, id]) => {
        const message = response(quote, id);
        expect(decodeQuoteResponse(message)).toEqual(quote);
        expect(unframe(frame(message))).toEqual(message);
        const stream = streamOf(frame(message));
        expect(exchange(stream, new Uint8Array(3))).toEqual(message);
        expect(Buffer.concat(stream.sent).toHex()).toBe("00000003000000");
      }),
    );
  });

  test("is refused cut at every place, as a message and as a frame", () => {
    const message = response(new Uint8Array(50).fill(7), Uint8Array.of(1, 2, 3));
    for (let size = 0; size < message.length; size++) {
      expect(errorId(() => decodeQuoteResponse(message.subarray(0, size)))).toBe("tdx.qgs-malformed");
    }
    const framed = frame(message);
    for (let size = 0; size < framed.length; size++) {
      expect(errorId(() => exchange(streamOf(framed.subarray(0, size)), message))).toBe("tdx.qgs-malformed");
      expect(errorId(() => unframe(framed.subarray(0, size)))).toBe("tdx.qgs-malformed");
    }
  });

  test("is refused where a length, version or type is another one", () => {
    const message = response(new Uint8Array(50), Uint8Array.of(1));
    for (const at of [8, 16, 20]) {
      const size = new DataView(message.buffer).getUint32(at, true);
      for (const value of [0, size - 1, size + 1, 0xffff_ffff]) {
        if (value === size) continue;
        const lie = changed(message, (copy) => new DataView(copy.buffer).setUint32(at, value, true));
        expect(errorId(() => decodeQuoteResponse(lie))).toBe("tdx.qgs-malformed");
      }
    }
    for (const [at, value] of [
      [0, 0],
      [0, 2],
      [4, 0],
      [4, 2],
      [4, 5],
    ] as const) {
      const other = changed(message, (copy) => {
        copy[at] = value;
      });
      expect(errorId(() => decodeQuoteResponse(other))).toBe("tdx.qgs-malformed");
    }
  });

  test("of an error says the code, and what it means where the protocol says that", () => {
    for (const [code, meaning] of [
      [0x12006, "invalid size"],
      [0xe001, "0xe001"],
    ] as const) {
      const refused = changed(response(new Uint8Array()), (copy) => new DataView(copy.buffer).setUint32(12, code, true));
      expect(errorId(() => decodeQuoteResponse(refused))).toBe("tdx.qgs-refused");
      expect(() => decodeQuoteResponse(refused)).toThrow(meaning);
    }
  });

  test("that says it is longer than any quote is refused before anything of it is read", () => {
    let asked = 0;
    const stream: ByteStream = {
      send: () => {},
      receive: (length) => {
        asked += length;
        return Uint8Array.of(0, 1, 0, 1);
      },
    };
    expect(errorId(() => exchange(stream, new Uint8Array()))).toBe("tdx.qgs-malformed");
    expect([asked, MAX_QGS_MESSAGE]).toEqual([4, 0x10000]);
  });

  test("of any bytes whatever is a quote or an error of this program", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          expect(decodeQuoteResponse(bytes).length).toBeLessThanOrEqual(bytes.length);
        } catch (error) {
          expect(error).toBeInstanceOf(CaiError);
        }
      }),
    );
  });
});
