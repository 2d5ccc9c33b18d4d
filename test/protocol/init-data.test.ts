import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import fc from "fast-check";
import { readInitData } from "../../src/protocol/index.ts";
import { CaiError } from "../../src/system/index.ts";
import { errorId } from "../crypto/certificate-testing.ts";

describe("init data", () => {
  const text = 'version = "0.1.0"\nalgorithm = "sha256"\n[data]\n"cai.toml" = "x"\n';

  test("is bound by the digest of its exact text", () => {
    const { digest, claims } = readInitData(text);
    expect(Buffer.from(digest).toString("hex")).toBe(createHash("sha256").update(text).digest("hex"));
    expect(claims).toEqual({ "cai.toml": "x" });
  });

  test("is refused in every other form", () => {
    for (const wrong of ["", "a = ", text.replace("sha256", "md5"), text.replace('"x"', "7"), 'algorithm = "sha256"']) {
      expect(errorId(() => readInitData(wrong))).toBe("kbs.init-data-invalid");
    }
  });

  test("never makes the parser crash", () => {
    fc.assert(
      fc.property(fc.string(), (garbage) => {
        try {
          readInitData(garbage);
        } catch (error) {
          expect(error).toBeInstanceOf(CaiError);
        }
      }),
    );
  });
});
