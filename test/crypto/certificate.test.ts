import { describe, expect, test } from "bun:test";
import { X509Certificate } from "node:crypto";
import { p256 } from "@noble/curves/nist.js";
import fc from "fast-check";
import {
  buildCertificate,
  type CertificateTemplate,
  certificatePem,
  checkIssued,
  checkPlace,
  contextTag,
  DerReader,
  EXTENSION,
  encodeBoolean,
  encodeElement,
  encodeOctets,
  encodeP256PublicKey,
  encodeSequence,
  encodeUnsigned,
  importPublicKey,
  parseCertificate,
  parseCertificates,
  TAG,
  verifyP256,
} from "../../src/crypto/index.ts";
import { readAuthorityKeyId, readBasicConstraints } from "../../src/crypto/x509/extensions.ts";
import { rejection } from "../rejection.ts";
import { errorId } from "./certificate-testing.ts";

const key = (byte: number) => {
  const secret = new Uint8Array(32).fill(byte);
  return { point: p256.getPublicKey(secret, false), sign: (tbs: Uint8Array) => p256.sign(tbs, secret, { lowS: false }) };
};
const rootKey = key(1);
const leafKey = key(2);
const [from, to] = [1_700_000_000, 2_000_000_000];

const rootTemplate: CertificateTemplate = {
  serial: 1n,
  subject: "Test Root",
  issuer: "Test Root",
  notBefore: from,
  notAfter: 2_600_000_000,
  publicKey: rootKey.point,
  ca: { pathLength: 0 },
  keyUsage: ["keyCertSign", "cRLSign"],
  sign: rootKey.sign,
};
const leafTemplate: CertificateTemplate = {
  serial: (1n << 159n) + 5n,
  subject: "localhost ✓",
  issuer: "Test Root",
  notBefore: from,
  notAfter: to,
  publicKey: leafKey.point,
  issuerPublicKey: rootKey.point,
  keyUsage: ["digitalSignature"],
  keyPurposes: ["clientAuth", "serverAuth"],
  subjectAltNames: [{ dns: "localhost" }, { ip: Uint8Array.of(127, 0, 0, 1) }, { uri: "https://example.invalid/" }],
  crlDistributionPoint: "https://example.invalid/root.crl",
  sign: rootKey.sign,
};
const rootDer = buildCertificate(rootTemplate);
const leafDer = buildCertificate(leafTemplate);

test("a built certificate says what its template says", () => {
  const leaf = parseCertificate(leafDer);
  expect(leaf.serial).toBe(leafTemplate.serial);
  expect(leaf.subject.commonName).toBe("localhost ✓");
  expect(leaf.issuer.commonName).toBe("Test Root");
  expect([leaf.notBefore, leaf.notAfter]).toEqual([from, to]);
  expect(leaf.publicKey.point).toEqual(leafKey.point);
  expect(leaf.basicConstraints).toEqual({ ca: false, pathLength: undefined });
  expect([...leaf.keyUsage!]).toEqual(["digitalSignature"]);
  expect(leaf.keyPurposes).toEqual(["1.3.6.1.5.5.7.3.2", "1.3.6.1.5.5.7.3.1"]);
  expect(leaf.authorityKeyId).toEqual(parseCertificate(rootDer).subjectKeyId!);
  expect(parseCertificate(rootDer).notAfter).toBe(2_600_000_000);
});

test("the runtime's X.509 reader agrees with what was built", () => {
  const root = new X509Certificate(rootDer);
  const leaf = new X509Certificate(leafDer);
  expect(leaf.checkIssued(root)).toBe(true);
  expect(leaf.verify(root.publicKey)).toBe(true);
  expect(leaf.subjectAltName).toBe("DNS:localhost, IP Address:127.0.0.1, URI:https://example.invalid/");
  expect(leaf.ca).toBe(false);
  expect(root.ca).toBe(true);
  expect(BigInt(`0x${leaf.serialNumber}`)).toBe(leafTemplate.serial);
});

test("building is deterministic with a deterministic signer", () => {
  expect(buildCertificate(leafTemplate)).toEqual(leafDer);
});

test("PEM of a chain reads back in order", () => {
  const pem = certificatePem(leafDer, rootDer);
  expect(parseCertificates(pem).map((each) => each.der)).toEqual([leafDer, rootDer]);
  expect(parseCertificates(`\n${pem.replaceAll("\n", "\r\n")}\n`).length).toBe(2);
});

test("PEM with foreign text, a missing end, bad base64 or too many blocks is refused", () => {
  const pem = certificatePem(leafDer);
  const bad = [
    "",
    `x${pem}`,
    `${pem}x`,
    `\u00a0${pem}`,
    `${pem}\ufeff`,
    `${pem}\0`,
    pem.replace("MII", "M\u00a0II"),
    pem.replace("-----END", "-----ENX"),
    pem.replace("MII", "M*I"),
    pem.replace("MII", "M=I"),
    pem + pem,
  ];
  for (const text of bad) expect(errorId(() => parseCertificates(text, 1))).toBe("crypto.pem-malformed");
});

test("what stands where PEM should is not shown, for it may be a key", () => {
  const { id, message, got } = rejection(() => parseCertificates("0123456789abcdef"));
  expect([id, message.includes("0123"), got?.includes("0123")]).toEqual(["crypto.pem-malformed", false, false]);
});

test("a chain that was issued properly is accepted", () => {
  const [leaf, root] = [parseCertificate(leafDer), parseCertificate(rootDer)];
  checkIssued(leaf, root);
  checkIssued(root, root);
  checkPlace(leaf, "leaf");
  checkPlace(root, 0);
});

test("a wrong issuer, key, place or an unknown critical extension is refused", () => {
  const [leaf, root] = [parseCertificate(leafDer), parseCertificate(rootDer)];
  const otherName = parseCertificate(buildCertificate({ ...rootTemplate, subject: "Other", issuer: "Other" }));
  const otherKey = parseCertificate(buildCertificate({ ...rootTemplate, publicKey: leafKey.point, sign: leafKey.sign }));
  const sameIdOtherKey = { ...root, publicKey: leaf.publicKey };
  const unknown = { oid: "1.2.3.4", critical: true, value: Uint8Array.of(5, 0) };
  const strange = parseCertificate(buildCertificate({ ...leafTemplate, extensions: [unknown] }));
  const { ca: _, ...noCa } = rootTemplate;
  for (const refused of [
    () => checkIssued(leaf, otherName),
    () => checkIssued(leaf, otherKey),
    () => checkIssued(leaf, sameIdOtherKey),
    () => checkPlace(root, "leaf"),
    () => checkPlace(root, 1),
    () => checkPlace(leaf, 0),
    () => checkPlace(parseCertificate(buildCertificate(noCa)), 0),
    () => checkPlace(parseCertificate(buildCertificate({ ...rootTemplate, keyUsage: ["cRLSign"] })), 0),
    () => checkPlace(strange, "leaf"),
  ]) {
    expect(errorId(refused)).toBe("crypto.chain-invalid");
  }
});

test("a certificate cut at any offset, or with a byte after it, is malformed", () => {
  for (let end = 0; end < leafDer.length; end++) {
    expect(errorId(() => parseCertificate(leafDer.subarray(0, end)))).toBe("crypto.certificate-malformed");
  }
  expect(errorId(() => parseCertificate(Buffer.concat([leafDer, Uint8Array.of(0)])))).toBe("crypto.certificate-malformed");
});

test("one flipped bit is malformed or breaks the signature, and nothing else is thrown", () => {
  const root = parseCertificate(rootDer);
  fc.assert(
    fc.property(fc.nat(leafDer.length * 8 - 1), (bit) => {
      const der = Uint8Array.from(leafDer);
      der[bit >> 3]! ^= 1 << (bit & 7);
      const id = errorId(() => checkIssued(parseCertificate(der), root));
      expect(["crypto.certificate-malformed", "crypto.chain-invalid"]).toContain(id!);
    }),
    { numRuns: 1500 },
  );
});

test("an extension that stands there twice is malformed, also with the same value", () => {
  const twice = { oid: "1.2.3", critical: false, value: encodeOctets(Uint8Array.of(1)) };
  expect(errorId(() => parseCertificate(buildCertificate({ ...leafTemplate, extensions: [twice] })))).toBeUndefined();
  expect(errorId(() => parseCertificate(buildCertificate({ ...leafTemplate, extensions: [twice, twice] })))).toBe(
    "crypto.certificate-malformed",
  );
});

test("a certificate that says it is no CA, where DER says nothing, is malformed", () => {
  const extension = { oid: EXTENSION.basicConstraints, critical: true, value: encodeSequence(encodeBoolean(false)) };
  expect(errorId(() => readBasicConstraints(extension))).toBe("crypto.der-malformed");
});

test("random bytes are malformed", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      expect(errorId(() => parseCertificate(bytes))).toBe("crypto.certificate-malformed");
    }),
  );
});

test("an authority key id has a key id, an issuer and a serial number at most, in this order", () => {
  const [keyIdPart, issuerPart, serialPart] = [
    encodeElement(contextTag(0, false), Uint8Array.of(1, 2)),
    encodeElement(contextTag(1, true)),
    encodeElement(contextTag(2, false), Uint8Array.of(5)),
  ] as const;
  const read = (...parts: Uint8Array[]) =>
    readAuthorityKeyId({ oid: EXTENSION.authorityKeyId, critical: false, value: encodeSequence(...parts) });
  expect(read(keyIdPart, issuerPart, serialPart)).toEqual(Uint8Array.of(1, 2));
  expect(read(issuerPart, serialPart)).toBeUndefined();
  for (const parts of [
    [keyIdPart, keyIdPart],
    [issuerPart, keyIdPart],
    [keyIdPart, encodeOctets(Uint8Array.of(1))],
  ]) {
    expect(errorId(() => read(...parts))).toBe("crypto.der-malformed");
  }
});

test("a serial number has at most 20 bytes, and is never negative", () => {
  const serial = (value: bigint) => parseCertificate(buildCertificate({ ...leafTemplate, serial: value })).serial;
  expect(serial((1n << 160n) - 1n)).toBe((1n << 160n) - 1n);
  expect(errorId(() => serial(1n << 160n))).toBe("crypto.certificate-malformed");
  expect(errorId(() => serial(1n << 60_000n))).toBe("crypto.certificate-malformed");
});

test("a key of another size, or off its curve, is refused", () => {
  for (const size of [0, 63, 66]) expect(errorId(() => encodeP256PublicKey(new Uint8Array(size)))).toBe("crypto.key-invalid");
  const compressed = p256.getPublicKey(new Uint8Array(32).fill(1), true);
  expect(errorId(() => encodeP256PublicKey(compressed))).toBe("crypto.key-invalid");
  const { Fp } = p256.Point;
  const big = (value: bigint) => Uint8Array.fromHex(value.toString(16).padStart(64, "0"));
  // x = 5 is on the curve; the same point spelled with x + p is not the same bytes, and no key.
  const { x, y } = p256.Point.fromHex(`02${"5".padStart(64, "0")}`).toAffine();
  expect(errorId(() => importPublicKey(encodeP256PublicKey(Buffer.concat([big(x), big(y)]))))).toBeUndefined();
  for (const point of [
    new Uint8Array(64),
    new Uint8Array(64).fill(1),
    new Uint8Array(64).fill(0xff),
    Buffer.concat([big(x), big(y + 1n)]),
    Buffer.concat([big(x + Fp.ORDER), big(y)]),
    Buffer.concat([big(0n), big(0n)]),
  ]) {
    expect(errorId(() => importPublicKey(encodeP256PublicKey(point)))).toBe("crypto.key-invalid");
  }
});

describe("a signature", () => {
  const message = Uint8Array.of(1, 2, 3);
  const good = leafKey.sign(message);
  const order = p256.Point.Fn.ORDER;
  const number = (bytes: Uint8Array) => BigInt(`0x${bytes.toHex()}`);
  const [r, s] = [number(good.subarray(0, 32)), number(good.subarray(32))];
  const raw = (...numbers: bigint[]) => Uint8Array.fromHex(numbers.map((each) => each.toString(16).padStart(64, "0")).join(""));

  test("counts with both of its numbers from 1 to the order of the curve less one, and in 64 bytes only", () => {
    expect(verifyP256(leafKey.point, message, good)).toBe(true);
    for (const bad of [
      raw(0n, s),
      raw(r, 0n),
      raw(0n, 0n),
      raw(order, s),
      raw(r, order),
      raw((1n << 256n) - 1n, s),
      raw(s, r),
      good.subarray(0, 63),
      Buffer.concat([good, Uint8Array.of(0)]),
      new Uint8Array(),
      p256.Signature.fromBytes(good).toBytes("der"),
    ]) {
      expect(verifyP256(leafKey.point, message, bad)).toBe(false);
    }
    const small = raw(r % 1000n, s);
    expect(verifyP256(leafKey.point, message, small)).toBe(false);
  });

  test("has a twin with the negated second number, which is why nothing is told apart by its signature", () => {
    expect(verifyP256(leafKey.point, message, raw(r, order - s))).toBe(true);
  });

  test("in a certificate is two minimal numbers of 256 bits and nothing else", () => {
    const parse = (...parts: Uint8Array[]) => errorId(() => parseCertificate(withSignature(rootDer, encodeSequence(...parts))));
    const integer = (content: string) => encodeElement(TAG.integer, Uint8Array.fromHex(content));
    expect(parse(encodeUnsigned(r), encodeUnsigned(s))).toBeUndefined();
    for (const parts of [
      [encodeUnsigned(r)],
      [encodeUnsigned(r), encodeUnsigned(s), encodeUnsigned(1)],
      [integer(`0000${r.toString(16).padStart(64, "0")}`), encodeUnsigned(s)],
      [integer("80"), encodeUnsigned(s)],
      [encodeUnsigned(1n << 256n), encodeUnsigned(s)],
      [encodeUnsigned(1n << 4096n), encodeUnsigned(s)],
      [encodeElement(0x0a, Uint8Array.of(1)), encodeUnsigned(s)],
    ]) {
      expect(parse(...parts)).toBe("crypto.certificate-malformed");
    }
  });
});

/** The certificate with another signature, which is DER. */
function withSignature(der: Uint8Array, signature: Uint8Array): Uint8Array {
  const body = new DerReader(der, "certificate").enter(TAG.sequence);
  const [tbs, algorithm] = [body.element().whole, body.element().whole];
  return encodeSequence(tbs, algorithm, encodeElement(TAG.bitString, Uint8Array.of(0), signature));
}

test("a certificate signed by another algorithm is refused, naming the one that is taken", () => {
  const der = buildCertificate(rootTemplate);
  // ecdsa-with-SHA384 instead of SHA256: the last byte of the object identifier, in both places.
  const sha256 = Uint8Array.of(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02);
  const changed = Buffer.from(der);
  for (let at = changed.indexOf(sha256); at >= 0; at = changed.indexOf(sha256, at)) changed[at + 7] = 3;
  const error = rejection(() => parseCertificate(changed));
  expect(error.id).toBe("crypto.certificate-malformed");
  expect((error.cause as { id?: string }).id).toBe("crypto.algorithm-unsupported");
});
