import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { encodePem } from "../../../src/crypto/index.ts";
import { type Collateral, formatBundle, parseBundle, VerificationCache, verifyQuote } from "../../../src/tee/tdx/index.ts";
import { makeCertificates } from "../../../src/tee/tdx/simulate/certificates.ts";
import { DEFAULT_KNOBS } from "../../../src/tee/tdx/simulate/knobs.ts";
import { anchors, changed, errorId, NOW, platform, quoteOf, SEED } from "./testing.ts";

const text = platform.bundle();
const bundle = JSON.parse(text) as Record<string, string>;
const collateral = parseBundle(text);
const quote = quoteOf();
const cache = new VerificationCache();
const verify = (given: Collateral, resealFallback = true): unknown =>
  verifyQuote(quote, given, { now: NOW, anchors, expired: "reject", resealFallback, cache });

describe("a bundle", () => {
  test("reads back what was written", () => {
    expect(parseBundle(formatBundle(collateral))).toEqual(collateral);
    const withChain = { ...collateral, pckCertificateChain: "PEM" };
    expect(parseBundle(formatBundle(withChain))).toEqual(withChain);
  });

  test("may have byte arrays for hexadecimal, and PEM for revocation lists", () => {
    const arrays = { ...bundle, root_ca_crl: [...collateral.rootCaCrl], tcb_info_signature: [...collateral.tcbInfoSignature] };
    expect(parseBundle(JSON.stringify(arrays))).toEqual(collateral);
    expect(parseBundle(JSON.stringify({ ...bundle, pck_crl: encodePem(collateral.pckCrl, "X509 CRL") }))).toEqual(collateral);
  });

  test("that is no JSON, lacks a member, or has one of another kind is malformed", () => {
    const bad = ["", "[]", "null", "{", "x".repeat(5 * 1024 * 1024)];
    for (const name of Object.keys(bundle)) {
      const { [name]: _, ...rest } = bundle;
      bad.push(JSON.stringify(rest), JSON.stringify({ ...bundle, [name]: 5 }));
    }
    for (const name of ["root_ca_crl", "pck_crl", "tcb_info_signature", "qe_identity_signature"]) {
      bad.push(
        JSON.stringify({ ...bundle, [name]: "0" }),
        JSON.stringify({ ...bundle, [name]: "zz" }),
        JSON.stringify({ ...bundle, [name]: [256] }),
      );
    }
    bad.push(JSON.stringify({ ...bundle, tcb_info_signature: "00".repeat(63) }));
    bad.push(JSON.stringify({ ...bundle, root_ca_crl: "-----BEGIN X509 CRL-----" }));
    for (const each of bad) expect(errorId(() => parseBundle(each))).toBe("tdx.collateral-malformed");
  });

  test("of any text is parsed or malformed", () => {
    fc.assert(fc.property(fc.json(), (json) => expect(errorId(() => parseBundle(json))).toBe("tdx.collateral-malformed")));
  });
});

describe("a changed piece of collateral", () => {
  const reasons: Readonly<Partial<Record<keyof Collateral, RegExp>>> = {
    rootCaCrl: /crl-/,
    pckCrl: /crl-/,
    tcbInfo: /tcb-info-/,
    tcbInfoSignature: /tcb-info-signature-invalid/,
    qeIdentity: /qe-identity-/,
    qeIdentitySignature: /qe-identity-signature-invalid/,
    tcbInfoIssuerChain: /tcb-info-signature-invalid|untrusted-root/,
    qeIdentityIssuerChain: /qe-identity-signature-invalid|untrusted-root/,
    pckCrlIssuerChain: /crl-issuer-mismatch/,
  };
  for (const name of Object.keys(reasons) as (keyof Collateral)[]) {
    test(`${name}: one changed bit or character is refused for a reason of its own`, () => {
      fc.assert(
        fc.property(fc.nat(), fc.nat(6), (where, bit) => {
          const original = collateral[name]!;
          const bytes = typeof original === "string" ? new TextEncoder().encode(original) : original;
          const flipped = changed(bytes, (copy) => {
            copy[where % copy.length]! ^= 1 << bit;
          });
          const value = typeof original === "string" ? new TextDecoder().decode(flipped) : flipped;
          const id = errorId(() => verify({ ...collateral, [name]: value }));
          // White space of PEM carries nothing, so a change to another such character is none.
          if (id === undefined && name.endsWith("Chain"))
            expect(String(value).replaceAll(/\s/g, "")).toBe(String(original).replaceAll(/\s/g, ""));
          else expect(id).toMatch(reasons[name]!);
        }),
        { numRuns: 120 },
      );
    });
  }
});

describe("a signed document", () => {
  const { keys } = makeCertificates(SEED, DEFAULT_KNOBS);
  const signed = (tcbInfo: string): Collateral => ({
    ...collateral,
    tcbInfo,
    tcbInfoSignature: keys.signing.sign(new TextEncoder().encode(tcbInfo)),
  });
  const info = JSON.parse(collateral.tcbInfo) as Record<string, unknown> & { tcbLevels: Record<string, unknown>[] };
  const resigned = (change: (copy: typeof info) => unknown): string | undefined => {
    const copy = structuredClone(info);
    change(copy);
    return errorId(() => verify(signed(JSON.stringify(copy))));
  };

  test("may be signed with white space in it, which then belongs to it", () => {
    verify(signed(JSON.stringify(info, null, 1)), false);
    expect(errorId(() => verify({ ...signed(JSON.stringify(info, null, 1)), tcbInfo: collateral.tcbInfo }))).toBe(
      "tdx.tcb-info-signature-invalid",
    );
  });

  test("served indented counts only with the fallback", () => {
    const indented = { ...collateral, tcbInfo: JSON.stringify(info, null, 4) };
    verify(indented);
    expect(errorId(() => verify(indented, false))).toBe("tdx.tcb-info-signature-invalid");
  });

  test("with a duplicate key, a fraction, too many levels or no object at all is malformed, though signed", () => {
    const tail = collateral.tcbInfo.slice(1);
    for (const json of [
      `{"id":"SGX",${tail}`,
      `{"i\\u0064":"SGX",${tail}`,
      `{"extra":1.5,${tail}`,
      `{"extra":1e3,${tail}`,
      `{"extra":9007199254740993,${tail}`,
      `{"extra":${"[".repeat(40)}${"]".repeat(40)},${tail}`,
      `{"extra":{"a":{"b":1,"b":2}},${tail}`,
      "[]",
      '"text"',
      "",
      "{",
      `${"[".repeat(500_000)}`,
      `"${'\\"'.repeat(200_000)}`,
      `{"extra":"${"x".repeat(1024 * 1024)}",${tail}`,
    ]) {
      expect(errorId(() => verify(signed(json)))).toBe("tdx.tcb-info-malformed");
    }
  });

  test("with half a character in it is malformed, whatever whole one its bytes would be", () => {
    const extra = (text: string) => `{"extra":"${text}",${collateral.tcbInfo.slice(1)}`;
    const whole = signed(extra("\ufffd"));
    verify(whole);
    for (const half of ["\ud800", "\udc00", "\udc00\ud800"]) {
      expect(errorId(() => verify({ ...whole, tcbInfo: extra(half) }))).toBe("tdx.tcb-info-malformed");
    }
    verify(signed(extra("\\ud800")));
  });

  test("may have members that nobody knows, brackets in strings, and equal keys in different objects", () => {
    verify(signed(`{"extra":{"a":"}}]\\"{","b":[{"a":1},{"a":2}]},${collateral.tcbInfo.slice(1)}`));
  });

  test("of another form than documented is malformed", () => {
    const level = (copy: typeof info) => copy.tcbLevels[0]!;
    for (const change of [
      (copy: typeof info) => Object.assign(copy, { version: 4 }),
      (copy: typeof info) => Object.assign(copy, { tcbType: 1 }),
      (copy: typeof info) => Object.assign(copy, { issueDate: "2026-01-10T00:00:00.000Z" }),
      (copy: typeof info) => Object.assign(copy, { issueDate: "2026-02-30T00:00:00Z" }),
      (copy: typeof info) => Object.assign(copy, { nextUpdate: "2026-02-10 00:00:00Z" }),
      (copy: typeof info) => Object.assign(copy, { fmspc: "00cafe00000" }),
      (copy: typeof info) => Object.assign(copy, { id: "SGX" }),
      (copy: typeof info) => Object.assign(copy, { tdxModule: undefined }),
      (copy: typeof info) =>
        Object.assign(copy, { tdxModuleIdentities: [info["tdxModuleIdentities"], info["tdxModuleIdentities"]].flat() }),
      (copy: typeof info) => Object.assign(copy, { tdxModuleIdentities: [] }),
      (copy: typeof info) => Object.assign(copy, { tcbLevels: [] }),
      (copy: typeof info) => copy.tcbLevels.push(structuredClone(level(copy))),
      (copy: typeof info) => Object.assign(level(copy), { tcbStatus: "TDRelaunchAdvised" }),
      (copy: typeof info) => (level(copy)["tcb"] as { sgxtcbcomponents: unknown[] }).sgxtcbcomponents.pop(),
      (copy: typeof info) => Object.assign(level(copy)["tcb"] as object, { tdxtcbcomponents: undefined }),
      (copy: typeof info) => Object.assign(level(copy)["tcb"] as object, { pcesvn: 65_536 }),
      (copy: typeof info) => Object.assign(level(copy), { advisoryIDs: "INTEL-SA-00001" }),
    ]) {
      expect(resigned(change)).toBe("tdx.tcb-info-malformed");
    }
  });

  test("for another platform does not match", () => {
    expect(resigned((copy) => Object.assign(copy, { fmspc: "00cafe000001" }))).toBe("tdx.tcb-info-mismatch");
    expect(resigned((copy) => Object.assign(copy, { fmspc: "00CAFE000000" }))).toBeUndefined();
    expect(resigned((copy) => Object.assign(copy, { pceId: "0001" }))).toBe("tdx.tcb-info-mismatch");
    expect(resigned((copy) => Object.assign(copy, { tdxModuleIdentities: undefined }))).toBe("tdx.tdx-module-mismatch");
  });

  test("lists levels in any order", () => {
    expect(resigned((copy) => copy.tcbLevels.reverse())).toBeUndefined();
    const copy = structuredClone(info);
    copy.tcbLevels.reverse();
    const verdict = verifyQuote(quote, signed(JSON.stringify(copy)), { now: NOW, anchors, expired: "reject" });
    expect(verdict.tcb.launch.status).toBe("UpToDate");
  });
});
