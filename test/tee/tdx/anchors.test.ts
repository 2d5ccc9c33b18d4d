import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { p256 } from "@noble/curves/nist.js";
import { buildCertificate, type CertificateTemplate, certificatePem } from "../../../src/crypto/index.ts";
import { anchorByName, builtInAnchors, loadAnchors } from "../../../src/tee/tdx/index.ts";
import { changed, errorId, haveVectors, platform, vector } from "./testing.ts";

const secret = new Uint8Array(32).fill(5);
const leafTemplate: CertificateTemplate = {
  serial: 1n,
  subject: "Own Simulated Root",
  issuer: "Own Simulated Root",
  notBefore: 0,
  notAfter: 2_000_000_000,
  publicKey: p256.getPublicKey(secret, false),
  keyUsage: ["digitalSignature"],
  sign: (tbs) => p256.sign(tbs, secret, { lowS: false }),
};
const own = (more: Partial<CertificateTemplate>): Uint8Array =>
  buildCertificate({ ...leafTemplate, ca: {}, keyUsage: ["keyCertSign", "cRLSign"], ...more });
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

test("the built-in anchor is Intel's root and nothing else", () => {
  const fingerprints = builtInAnchors().map(({ certificate, simulated }) => [
    createHash("sha256").update(certificate).digest("hex"),
    simulated,
  ]);
  expect(fingerprints).toEqual([["44a0196b2b99f889b8e149e95b807a350e7424964399e885a7cbb8ccfab674d3", false]]);
});

test("a simulated root that says so is loaded from PEM and DER", () => {
  const expected = { certificate: platform.anchorDer, simulated: true };
  expect(loadAnchors(platform.anchorDer, true)).toEqual(expected);
  expect(loadAnchors(bytes(platform.anchorPem), true)).toEqual(expected);
});

test("Intel's root may be named, as what it is", () => {
  const intel = builtInAnchors()[0]!.certificate;
  expect(loadAnchors(intel, false)).toEqual({ certificate: intel, simulated: false });
  expect(errorId(() => loadAnchors(intel, true))).toBe("tdx.anchor-refused");
});

test("any other root called production is refused, whatever its name", () => {
  for (const name of ["Intel SGX Root CA", "Own Simulated Root", "Root"]) {
    expect(errorId(() => loadAnchors(own({ subject: name, issuer: name }), false))).toBe("tdx.anchor-refused");
  }
});

test("a simulated root must have Simulated in its name", () => {
  expect(errorId(() => loadAnchors(own({ subject: "Root", issuer: "Root" }), true))).toBe("tdx.anchor-refused");
  expect(loadAnchors(own({}), true).simulated).toBe(true);
});

test("what is no self-signed CA certificate is refused", () => {
  const other = p256.getPublicKey(new Uint8Array(32).fill(6), false);
  for (const bad of [
    new Uint8Array(0),
    bytes("no certificate"),
    bytes(certificatePem(own({}), own({}))),
    own({ issuer: "Another Simulated Root" }),
    own({ publicKey: other }),
    own({ keyUsage: ["digitalSignature"] }),
    buildCertificate(leafTemplate),
    changed(own({}), (copy) => copy.set([copy[copy.length - 1]! ^ 1], copy.length - 1)),
    platform.anchorDer.subarray(0, 100),
  ]) {
    expect(errorId(() => loadAnchors(bad, true))).toBe("tdx.anchor-refused");
  }
});

test.skipIf(!haveVectors)("the root of the public test vectors is on the deny list", () => {
  expect(errorId(() => loadAnchors(vector("simulated/root.der"), true))).toBe("tdx.anchor-refused");
});

describe("a root that the user of an offline verification names", () => {
  test("counts by its name: compiled in, or simulated", () => {
    const intel = builtInAnchors()[0]!.certificate;
    expect(anchorByName(intel)).toEqual({ certificate: intel, simulated: false });
    expect(anchorByName(bytes(platform.anchorPem))).toEqual({ certificate: platform.anchorDer, simulated: true });
  });

  test("is refused where it would pass for a manufacturer's", () => {
    for (const name of ["Intel SGX Root CA", "Root"]) {
      expect(errorId(() => anchorByName(own({ subject: name, issuer: name })))).toBe("tdx.anchor-refused");
    }
    expect(errorId(() => anchorByName(bytes("x")))).toBe("tdx.anchor-refused");
  });

  test.skipIf(!haveVectors)("may be one whose key is public, since nothing opens for it", () => {
    expect(anchorByName(vector("simulated/root.der")).simulated).toBe(true);
    expect(errorId(() => anchorByName(vector("intel-sgx-sample/trustedRootCaCert.pem")))).toBe("tdx.anchor-refused");
  });
});
