import { describe, expect, test } from "bun:test";
import { Fingerprint, Fingerprints } from "../../../src/tee/tdx/cache.ts";
import {
  type Collateral,
  parseBundle,
  SimulatedPlatform,
  VerificationCache,
  type VerifyOptions,
  verifyQuote,
} from "../../../src/tee/tdx/index.ts";
import { anchors, errorId, NOW, platform, quoteOf } from "./testing.ts";

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

describe("the verification cache", () => {
  test("verifies the same inputs once", () => {
    const cache = new VerificationCache();
    let runs = 0;
    const run = (kind: string, ...parts: (Uint8Array | string)[]) => cache.remember(kind, parts, () => ++runs);
    expect([run("a", bytes(1, 2)), run("a", bytes(1, 2)), run("a", bytes(1, 3)), run("b", bytes(1, 2))]).toEqual([1, 1, 2, 3]);
  });

  test("tells apart inputs that only differ in where one ends", () => {
    const cache = new VerificationCache();
    let runs = 0;
    const run = (...parts: Uint8Array[]) => cache.remember("a", parts, () => ++runs);
    const results = [run(bytes(1, 2), bytes(3)), run(bytes(1), bytes(2, 3)), run(bytes(1, 2, 3)), run(bytes(1, 2, 3), bytes())];
    expect(new Set(results).size).toBe(4);
  });

  test("remembers no failure", () => {
    const cache = new VerificationCache();
    const run = (fail: boolean) =>
      cache.remember("a", [bytes(1)], () => {
        if (fail) throw new RangeError("no");
        return "yes";
      });
    expect(() => run(true)).toThrow(RangeError);
    expect(cache.size).toBe(0);
    expect(run(false)).toBe("yes");
  });

  test("is bounded, and forgets first what was used longest ago", () => {
    const cache = new VerificationCache({ entries: 2 });
    let runs = 0;
    const run = (value: number) => cache.remember("a", [bytes(value)], () => ++runs);
    run(1);
    run(2);
    run(1);
    run(3);
    expect(cache.size).toBe(2);
    expect(run(1)).toBe(1);
    expect(run(2)).toBe(4);
  });

  test("is bounded by the bytes that were verified, too", () => {
    const cache = new VerificationCache({ bytes: 1000 });
    const run = (value: number, size: number) => cache.remember("a", [new Uint8Array(size).fill(value)], () => value);
    run(1, 400);
    run(2, 400);
    run(3, 400);
    expect(cache.size).toBe(2);
    run(4, 1001);
    expect(cache.size).toBe(2);
    run(5, 1000);
    expect(cache.size).toBe(1);
  });

  test("keeps one kind whatever happens to another", () => {
    const cache = new VerificationCache({ entries: 2 });
    let runs = 0;
    const document = () => cache.remember("document", [bytes(1)], () => ++runs);
    document();
    for (let value = 0; value < 100; value++) cache.remember("chain", [bytes(value)], () => value);
    expect(document()).toBe(1);
  });

  test("tells texts and bytes apart, and a broken character from the one that stands for it", () => {
    const cache = new VerificationCache();
    let runs = 0;
    const run = (...inputs: Parameters<typeof cache.remember>[1]) => cache.remember("a", inputs, () => ++runs);
    const long = "x".repeat(100);
    const inputs = [
      ["ab"],
      ["a", "b"],
      ['a"1 b'],
      [bytes(0x61, 0x62)],
      [long],
      [new TextEncoder().encode(long)],
      [new Fingerprint(long, long)],
      [new Fingerprint(long + long)],
      [new Fingerprint(long), new Fingerprint(long)],
      [`${long}\ufffd`],
      [`${long}\ud800`],
      [`${long}\udc00`],
      [Buffer.from(`${long}\ud800`, "utf16le")],
    ];
    expect(new Set(inputs.map((each) => run(...each))).size).toBe(inputs.length);
    for (const each of inputs) run(...each);
    expect(runs).toBe(inputs.length);
  });

  test("computes the fingerprint of an object once", () => {
    let runs = 0;
    const fingerprints = new Fingerprints<{ readonly text: string }>(({ text }) => {
      runs++;
      return [text];
    });
    const object = { text: "a" };
    expect(fingerprints.of(object)).toBe(fingerprints.of(object));
    expect(fingerprints.of({ text: "a" }).digest).toBe(fingerprints.of(object).digest);
    expect(runs).toBe(2);
  });
});

describe("one cache for all verifications", () => {
  const collateral = parseBundle(platform.bundle());
  const indented = { ...collateral, tcbInfo: JSON.stringify(JSON.parse(collateral.tcbInfo), null, 2) };
  const other = SimulatedPlatform.create({ seed: new Uint8Array(32).fill(8), now: NOW });
  const otherAnchors = [{ certificate: other.anchorDer, simulated: true }];
  const cache = new VerificationCache();
  const verify = (quote: Uint8Array, by: Collateral, options: Partial<VerifyOptions> = {}) =>
    verifyQuote(quote, by, { now: NOW, anchors, expired: "reject", cache, ...options });
  const quote = quoteOf();

  test("gives nobody what another trusts, allows or dates", () => {
    // The second time all that was verified is remembered.
    for (let round = 0; round < 2; round++) {
      expect(verify(quote, collateral).chain.anchor.simulated).toBe(true);
      expect(verify(quote, collateral, { anchors: [...otherAnchors, ...anchors] }).chain.anchor.simulated).toBe(true);
      expect(verify(quote, indented).tcb.launch.status).toBe("UpToDate");
      for (const [options, by, id] of [
        [{ anchors: [] }, collateral, "untrusted-root"],
        [{ anchors: otherAnchors }, collateral, "untrusted-root"],
        // As a production anchor the same root would have to bear Intel's names.
        [{ anchors: anchors.map((each) => ({ ...each, simulated: false })) }, collateral, "pck-chain-invalid"],
        [{ resealFallback: false }, indented, "tcb-info-signature-invalid"],
        [{ now: NOW + 31 * 86_400 }, collateral, "collateral-expired"],
        [{ now: NOW - 301 }, collateral, "collateral-not-yet-valid"],
        [{}, parseBundle(other.bundle()), "crl-issuer-mismatch"],
        [{}, { ...collateral, tcbInfoSignature: collateral.qeIdentitySignature }, "tcb-info-signature-invalid"],
        [{}, { ...collateral, tcbInfo: collateral.qeIdentity, tcbInfoSignature: collateral.qeIdentitySignature }, "tcb-info-malformed"],
        [{}, { ...collateral, pckCrl: collateral.rootCaCrl }, "crl-issuer-mismatch"],
        [{}, { ...collateral, pckCertificateChain: "" }, "pck-chain-invalid"],
        [{}, { ...collateral, pckCertificateChain: parseBundle(other.bundle()).pckCrlIssuerChain }, "pck-chain-invalid"],
      ] as const) {
        expect(errorId(() => verify(quote, by, options))).toBe(`tdx.${id}`);
      }
    }
  });
});
