import { expect, test } from "bun:test";
import { p256 } from "@noble/curves/nist.js";
import fc from "fast-check";
import {
  buildCertificate,
  buildRevocationList,
  checkRevocationListIssuer,
  checkRevocationListSignature,
  EXTENSION,
  encodeSequence,
  encodeUnsigned,
  parseCertificate,
  parseRevocationList,
  type RevocationListTemplate,
} from "../../src/crypto/index.ts";
import { errorId } from "./certificate-testing.ts";

const secret = new Uint8Array(32).fill(9);
const point = p256.getPublicKey(secret, false);
const sign = (tbs: Uint8Array) => p256.sign(tbs, secret, { lowS: false });
const issuerTemplate = {
  serial: 1n,
  subject: "CA",
  issuer: "CA",
  notBefore: 0,
  notAfter: 2_000_000_000,
  publicKey: point,
  ca: {},
  keyUsage: ["keyCertSign", "cRLSign"],
  sign,
} as const;
const issuer = parseCertificate(buildCertificate(issuerTemplate));
const template: RevocationListTemplate = {
  issuer: "CA",
  issuerPublicKey: point,
  thisUpdate: 1_700_000_000,
  nextUpdate: 1_800_000_000,
  number: 7,
  revoked: [5n, 0xfedcba98765432100123456789abcdefn],
  sign,
};
const der = buildRevocationList(template);

test("a built list says what its template says, with and without entries", () => {
  const list = parseRevocationList(der);
  expect([list.thisUpdate, list.nextUpdate, list.number]).toEqual([template.thisUpdate, template.nextUpdate, 7n]);
  expect([...list.revoked]).toEqual([...template.revoked]);
  checkRevocationListIssuer(list, issuer);
  checkRevocationListSignature(list, issuer);
  expect(parseRevocationList(buildRevocationList({ ...template, revoked: [] })).revoked.size).toBe(0);
});

test("a list of another issuer or key is refused", () => {
  const otherName = parseRevocationList(buildRevocationList({ ...template, issuer: "CB" }));
  expect(errorId(() => checkRevocationListIssuer(otherName, issuer))).toBe("crypto.crl-issuer-mismatch");
  const otherSecret = new Uint8Array(32).fill(8);
  const otherPoint = p256.getPublicKey(otherSecret, false);
  const otherKey = parseRevocationList(buildRevocationList({ ...template, issuerPublicKey: otherPoint }));
  expect(errorId(() => checkRevocationListIssuer(otherKey, issuer))).toBe("crypto.crl-issuer-mismatch");
  const forged = parseRevocationList(buildRevocationList({ ...template, sign: (tbs) => p256.sign(tbs, otherSecret, { lowS: false }) }));
  expect(errorId(() => checkRevocationListSignature(forged, issuer))).toBe("crypto.crl-signature-invalid");
  const noCrlSign = parseCertificate(buildCertificate({ ...issuerTemplate, keyUsage: ["keyCertSign"] }));
  expect(errorId(() => checkRevocationListSignature(parseRevocationList(der), noCrlSign))).toBe("crypto.crl-signature-invalid");
});

test("a list that is indirect, partial or a delta is malformed, also where it does not call that critical", () => {
  const value = encodeSequence();
  for (const [oid, critical, good] of [
    ["1.2.3", false, true],
    ["1.2.3", true, false],
    [EXTENSION.issuingDistributionPoint, false, false],
    [EXTENSION.issuingDistributionPoint, true, false],
    [EXTENSION.deltaCrlIndicator, false, false],
    [EXTENSION.deltaCrlIndicator, true, false],
  ] as const) {
    const list = buildRevocationList({ ...template, extensions: [{ oid, critical, value }] });
    expect(errorId(() => parseRevocationList(list))).toBe(good ? undefined : "crypto.crl-malformed");
  }
});

test("a list's number has at most 20 bytes, and no extension of it stands there twice", () => {
  const numbered = (number: bigint) => parseRevocationList(buildRevocationList({ ...template, number }));
  expect(numbered((1n << 160n) - 1n).number).toBe((1n << 160n) - 1n);
  expect(errorId(() => numbered(1n << 160n))).toBe("crypto.crl-malformed");
  const again = { oid: EXTENSION.crlNumber, critical: false, value: encodeUnsigned(7) };
  expect(errorId(() => parseRevocationList(buildRevocationList({ ...template, extensions: [again] })))).toBe("crypto.crl-malformed");
});

test("a serial number is revoked however long it is, and a negative one is malformed", () => {
  const huge = (1n << 8000n) + 1n;
  expect(parseRevocationList(buildRevocationList({ ...template, revoked: [huge] })).revoked.has(huge)).toBe(true);
  const list = Buffer.from(buildRevocationList({ ...template, revoked: [0x7bn] }));
  const at = list.indexOf(Uint8Array.of(0x02, 0x01, 0x7b));
  list[at + 2] = 0xfb;
  expect(errorId(() => parseRevocationList(list))).toBe("crypto.crl-malformed");
});

test("a list cut at any offset, or with a byte after it, is malformed and never an empty list", () => {
  for (let end = 0; end < der.length; end++) expect(errorId(() => parseRevocationList(der.subarray(0, end)))).toBe("crypto.crl-malformed");
  expect(errorId(() => parseRevocationList(Buffer.concat([der, Uint8Array.of(0)])))).toBe("crypto.crl-malformed");
});

test("one flipped bit is malformed, of another issuer, or breaks the signature", () => {
  fc.assert(
    fc.property(fc.nat(der.length * 8 - 1), (bit) => {
      const flipped = Uint8Array.from(der);
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      const id = errorId(() => {
        const list = parseRevocationList(flipped);
        checkRevocationListIssuer(list, issuer);
        checkRevocationListSignature(list, issuer);
      });
      expect(id).toMatch(/^crypto\.crl-(?:malformed|issuer-mismatch|signature-invalid)$/);
    }),
    { numRuns: 800 },
  );
});
