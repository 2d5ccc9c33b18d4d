import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { formatTrusteePin, parseTrusteePin } from "../../src/protocol/index.ts";
import { rejection } from "../rejection.ts";
import { TID } from "./samples.ts";

describe("trustee pins", () => {
  test("a pin comes back from its text", () => {
    expect(parseTrusteePin(`tid:${TID}`)).toEqual({ kind: "tid", tid: TID });
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (digest) => {
        const pin = { kind: "spki", digest } as const;
        expect(parseTrusteePin(formatTrusteePin(pin))).toEqual(pin);
        expect(parseTrusteePin(`spki:sha256:${Buffer.from(digest).toString("base64")}`)).toEqual(pin);
      }),
    );
    expect(formatTrusteePin({ kind: "tid", tid: TID })).toBe(`tid:${TID}`);
  });

  test.each([
    "",
    TID,
    "tid:",
    `tid:${TID}A`,
    `tid:${TID} `,
    `TID:${TID}`,
    "spki:sha256:AAAA",
    `spki:sha1:${TID}`,
    `spki:sha256:${"-".repeat(43)}`,
  ])("%j is no pin", (text) => {
    expect(rejection(() => parseTrusteePin(text)).id).toBe("agent.pin-invalid");
  });
});
