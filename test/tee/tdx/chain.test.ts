import { describe, expect, test } from "bun:test";
import { p256 } from "@noble/curves/nist.js";
import {
  buildCertificate,
  type CertificateTemplate,
  certificatePem,
  encodeOctets,
  encodeOid,
  encodeSequence,
  encodeUnsigned,
  parseCertificate,
} from "../../../src/crypto/index.ts";
import { VerificationCache } from "../../../src/tee/tdx/cache.ts";
import { verifyPckChain } from "../../../src/tee/tdx/chain.ts";
import { parseBundle, verifyQuote } from "../../../src/tee/tdx/index.ts";
import { readPck, SGX_EXTENSION } from "../../../src/tee/tdx/pck.ts";
import { makeCertificates } from "../../../src/tee/tdx/simulate/certificates.ts";
import { DEFAULT_KNOBS } from "../../../src/tee/tdx/simulate/knobs.ts";
import { anchors, errorId, NOW, platform, platformChain, quoteOf, SEED, withCertification } from "./testing.ts";

const { ders, keys } = makeCertificates(SEED, DEFAULT_KNOBS);
const sgxExtension = parseCertificate(ders.pck).extensions.get(SGX_EXTENSION)!;
const check = (chain: readonly Uint8Array[]): unknown => verifyPckChain(chain, anchors, { tee: "tdx", cache: new VerificationCache() });

const leafTemplate: CertificateTemplate = {
  serial: 5n,
  subject: "cai Simulated SGX PCK Certificate",
  issuer: "cai Simulated SGX PCK Platform CA",
  notBefore: NOW,
  notAfter: NOW + 1,
  publicKey: keys.pck.point,
  issuerPublicKey: keys.platform.point,
  keyUsage: ["digitalSignature"],
  extensions: [sgxExtension],
  sign: keys.platform.sign,
};
const withoutCrlUri = (): Uint8Array => buildCertificate(leafTemplate);
const leaf = (more: Partial<CertificateTemplate> = {}): Uint8Array =>
  buildCertificate({ ...leafTemplate, crlDistributionPoint: "https://simulated.invalid/root.crl", ...more });
const intermediate = (more: Partial<CertificateTemplate> = {}): Uint8Array =>
  leaf({
    subject: "cai Simulated SGX PCK Platform CA",
    issuer: "cai Simulated SGX Root CA",
    publicKey: keys.platform.point,
    issuerPublicKey: keys.root.point,
    ca: { pathLength: 0 },
    keyUsage: ["keyCertSign", "cRLSign"],
    extensions: [],
    sign: keys.root.sign,
    ...more,
  });

describe("a PCK chain", () => {
  test("as the platform makes it is accepted", () => {
    check([ders.pck, ders.platform, ders.root]);
    check([leaf(), intermediate(), ders.root]);
  });

  test("of another length, order or name is refused", () => {
    for (const chain of [
      [],
      [ders.pck],
      [ders.pck, ders.root],
      [ders.pck, ders.platform, ders.platform, ders.root],
      [ders.platform, ders.pck, ders.root],
      [leaf({ subject: "cai Simulated SGX TCB Signing" }), ders.platform, ders.root],
      [leaf({ issuer: "cai Simulated SGX PCK Other CA" }), intermediate({ subject: "cai Simulated SGX PCK Other CA" }), ders.root],
      [ders.pck, ders.platform, ders.root.subarray(1)],
    ]) {
      expect(errorId(() => check(chain))).toBe("tdx.pck-chain-invalid");
    }
  });

  test("with a bad signature, a wrong place or a missing extension is refused", () => {
    for (const chain of [
      [leaf({ sign: keys.root.sign }), ders.platform, ders.root],
      [leaf({ ca: {}, keyUsage: ["keyCertSign"] }), ders.platform, ders.root],
      [leaf(), intermediate({ keyUsage: ["cRLSign"] }), ders.root],
      [leaf({ extensions: [sgxExtension, { oid: "1.2.3", critical: true, value: Uint8Array.of(5, 0) }] }), ders.platform, ders.root],
      [withoutCrlUri(), ders.platform, ders.root],
    ]) {
      expect(errorId(() => check(chain))).toBe("tdx.pck-chain-invalid");
    }
  });

  test("whose root has the anchor's name and another key, or the key and another name, is untrusted", () => {
    const secret = new Uint8Array(32).fill(3);
    const sameName = intermediate({
      subject: "cai Simulated SGX Root CA",
      publicKey: p256.getPublicKey(secret, false),
      issuerPublicKey: p256.getPublicKey(secret, false),
      sign: (tbs) => p256.sign(tbs, secret, { lowS: false }),
    });
    const sameKey = intermediate({
      subject: "cai Simulated SGX Root CA 2",
      issuer: "cai Simulated SGX Root CA 2",
      publicKey: keys.root.point,
    });
    for (const root of [sameName, sameKey]) expect(errorId(() => check([leaf(), intermediate(), root]))).toBe("tdx.untrusted-root");
  });

  test("whose root was issued anew with the same key and name is accepted, and its own limits hold", () => {
    const again = (pathLength: number) =>
      intermediate({ subject: "cai Simulated SGX Root CA", publicKey: keys.root.point, ca: { pathLength }, serial: 99n });
    check([leaf(), intermediate(), again(1)]);
    expect(errorId(() => check([leaf(), intermediate(), again(0)]))).toBe("tdx.pck-chain-invalid");
  });

  test("that leads to a production anchor must bear Intel's exact names", () => {
    const production = [{ certificate: ders.root, simulated: false }];
    const run = () => verifyPckChain([ders.pck, ders.platform, ders.root], production, { tee: "tdx", cache: new VerificationCache() });
    expect(errorId(run)).toBe("tdx.pck-chain-invalid");
  });
});

describe("the SGX extension", () => {
  const pair = (path: string, value: Uint8Array): Uint8Array => encodeSequence(encodeOid(`${SGX_EXTENSION}.${path}`), value);
  const tcb = (count = 16): Uint8Array =>
    pair(
      "2",
      encodeSequence(
        ...Array.from({ length: count }, (_, index) => pair(`2.${index + 1}`, encodeUnsigned(255 - index))),
        pair("2.17", encodeUnsigned(65_535)),
        pair("2.18", encodeOctets(new Uint8Array(16))),
      ),
    );
  const ppid = pair("1", encodeOctets(new Uint8Array(16).fill(1)));
  const pceId = pair("3", encodeOctets(Uint8Array.of(1, 2)));
  const fmspc = pair("4", encodeOctets(new Uint8Array(6).fill(4)));
  const type = (number: number): Uint8Array => pair("5", encodeUnsigned(number, 0x0a));
  const read = (...entries: Uint8Array[]) =>
    readPck(parseCertificate(leaf({ extensions: [{ oid: SGX_EXTENSION, critical: false, value: encodeSequence(...entries) }] })));

  test("is read by name, in any order, with numbers above 127", () => {
    const facts = read(type(2), fmspc, pceId, tcb(), ppid);
    expect(facts.components).toEqual(Array.from({ length: 16 }, (_, index) => 255 - index));
    expect(facts.pceSvn).toBe(65_535);
    expect(facts.sgxType).toBe("Scalable with Integrity");
    expect(facts.platformInstanceId).toBeUndefined();
    expect(facts.configuration).toEqual({ dynamicPlatform: undefined, cachedKeys: undefined, smtEnabled: undefined });
  });

  test("with a missing, doubled, foreign or misshapen entry is malformed", () => {
    const wrongSize = pair("4", encodeOctets(new Uint8Array(5)));
    const foreign = encodeSequence(encodeOid("1.2.3"), encodeOctets(new Uint8Array(1)));
    for (const entries of [
      [ppid, tcb(), pceId, fmspc],
      [tcb(), pceId, fmspc, type(0)],
      [ppid, pceId, fmspc, type(0)],
      [ppid, tcb(15), pceId, fmspc, type(0)],
      [ppid, tcb(), pceId, fmspc, type(3)],
      [ppid, tcb(), pceId, wrongSize, type(0)],
      [ppid, tcb(), pceId, fmspc, type(0), fmspc],
      [ppid, tcb(), pceId, fmspc, type(0), foreign],
      [ppid, tcb(), pceId, pair("4.0", encodeOctets(new Uint8Array(6))), type(0)],
    ]) {
      expect(errorId(() => read(...entries))).toBe("crypto.der-malformed");
    }
    expect(errorId(() => check([leaf({ extensions: [] }), ders.platform, ders.root]))).toBe("tdx.pck-chain-invalid");
  });
});

describe("the chain in a quote", () => {
  const collateral = parseBundle(platform.bundle());
  const pem = (...parts: readonly (Uint8Array | undefined)[]): Uint8Array => Buffer.concat(parts.filter((part) => part !== undefined));
  const verify = (type: number, data: Uint8Array, delivered?: string): unknown =>
    verifyQuote(
      withCertification(quoteOf(), type, data),
      { ...collateral, pckCertificateChain: delivered },
      { now: NOW, anchors, expired: "reject" },
    );
  const [first, second, third] = platformChain;
  const whole = certificatePem(ders.pck, ders.platform, ders.root);
  const text = (value: string): Uint8Array => new TextEncoder().encode(value);

  test("may end with a NUL and a newline, without any, or have CRLF lines", () => {
    for (const data of [whole, `${whole}\0\n`, whole.replaceAll("\n", "\r\n")]) verify(5, text(data));
  });

  test("must be three certificates and nothing else", () => {
    for (const data of [
      pem(first, second),
      pem(first, second, third, third),
      pem(second, first, third),
      text(`x${whole}`),
      text(""),
      text("\0"),
    ]) {
      expect(errorId(() => verify(5, data))).toBe("tdx.pck-chain-invalid");
    }
  });

  test("may be missing where the collateral has it", () => {
    for (const [type, data] of [
      [1, new Uint8Array(34)],
      [1, new Uint8Array(36)],
      [2, new Uint8Array(276)],
      [3, new Uint8Array(404)],
      [4, first!],
    ] as const) {
      verify(type, data, whole);
      expect(errorId(() => verify(type, data))).toBe("tdx.pck-chain-invalid");
    }
  });

  test("must be the one of the collateral where both are there", () => {
    verify(5, text(whole), whole);
    const other = certificatePem(leaf(), ders.platform, ders.root);
    expect(errorId(() => verify(5, text(whole), other))).toBe("tdx.pck-chain-invalid");
    expect(errorId(() => verify(4, first!, other))).toBe("tdx.pck-chain-invalid");
    expect(errorId(() => verify(4, pem(first, second, third), whole))).toBe("tdx.pck-chain-invalid");
    // What calls itself a chain is a whole one, and nothing beside it fills it up.
    expect(errorId(() => verify(5, first!, whole))).toBe("tdx.pck-chain-invalid");
    expect(errorId(() => verify(5, pem(first, second), whole))).toBe("tdx.pck-chain-invalid");
  });
});
