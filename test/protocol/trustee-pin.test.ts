import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { parseTrusteePin } from "../../src/protocol/index.ts";
import { rejection } from "../rejection.ts";
import { TID } from "./samples.ts";

describe("trustee pins", () => {
  test("a pin is an identity or the digest of a TLS key, in either alphabet", () => {
    expect(parseTrusteePin(`tid:${TID}`)).toEqual({ kind: "tid", tid: TID });
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (digest) => {
        for (const alphabet of ["base64url", "base64"] as const) {
          expect(parseTrusteePin(`spki:sha256:${Buffer.from(digest).toString(alphabet)}`)).toEqual({ kind: "spki", digest });
        }
      }),
    );
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
