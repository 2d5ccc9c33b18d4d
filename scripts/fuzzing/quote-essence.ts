import { p256 } from "@noble/curves/nist.js";

// What counts of a quote and of collateral, read without any of the program's own readers: two of the same essence say the same.

const MARKERS = /-----BEGIN (?:CERTIFICATE|X509 CRL)-----([^-]*)-----END (?:CERTIFICATE|X509 CRL)-----/g;

/**
 * Everything of a quote that its verdict may depend on: what is signed, the signatures, the keys, the certificates. Padding, white space between
 * certificates, and which of a signature's two spellings (s or n − s) was used are left out.
 *
 * @param delivered  PEM of the chain that came beside the quote, which counts where the quote does not carry its own
 */
export function quoteEssence(quote: Uint8Array, delivered: string | undefined): string {
  const view = new DataView(quote.buffer, quote.byteOffset, quote.length);
  const version = view.getUint16(0, true);
  const isTd = view.getUint32(4, true) === 0x81;
  const signedSize = version === 5 ? 54 + view.getUint32(50, true) : isTd ? 632 : 432;
  const section = quote.subarray(signedSize + 4, signedSize + 4 + view.getUint32(signedSize, true));
  const certification = section.subarray(version === 3 ? 128 : 134);
  const [report, reportSignature] = [certification.subarray(0, 384), certification.subarray(384, 448)];
  const authEnd = 450 + certification[448]! + certification[449]! * 256;
  const [auth, rest] = [certification.subarray(450, authEnd), certification.subarray(authEnd)];
  const chain = rest.subarray(6);
  const end = chain.indexOf(0);
  const text = Buffer.from(end < 0 ? chain : chain.subarray(0, end)).toString("latin1");
  const type = rest[0]! + rest[1]! * 256;
  return [
    quote.subarray(0, signedSize).toHex(),
    signatureEssence(section.subarray(0, 64)),
    section.subarray(64, 128).toHex(),
    version === 3 ? "" : section.subarray(128, 130).toHex(),
    report.toHex(),
    signatureEssence(reportSignature),
    auth.toHex(),
    type >= 1 && type <= 5 ? "" : `${type}`,
    type === 5 ? pemEssence(text) : pemEssence(delivered ?? ""),
  ].join("\n");
}

/** The signed parts of the certificates of a PEM text, in their order. */
export const pemEssence = (text: string): string =>
  [...text.matchAll(MARKERS)].map(([, body]) => signedPart(Buffer.from(body!.replaceAll(/\s/g, ""), "base64"))).join(",");

/** The signed part of a certificate or revocation list: the first element inside the first. */
export function signedPart(der: Uint8Array): string {
  const inside = contentAt(der, 0);
  const { from, size } = contentAt(der, inside.from);
  return Buffer.from(der.subarray(inside.from, from + size)).toString("hex");
}

function contentAt(der: Uint8Array, at: number): { from: number; size: number } {
  const first = der[at + 1] ?? 0;
  if (first < 0x80) return { from: at + 2, size: first };
  let size = 0;
  for (let i = 0; i < (first & 0x7f); i++) size = size * 256 + (der[at + 2 + i] ?? 0);
  return { from: at + 2 + (first & 0x7f), size };
}

/** r and the smaller of s and n − s. */
export function signatureEssence(raw: Uint8Array): string {
  if (raw.length !== 64) return `? ${raw.toHex()}`;
  const order = p256.Point.Fn.ORDER;
  const s = BigInt(`0x${raw.subarray(32).toHex()}`);
  return `${raw.subarray(0, 32).toHex()} ${(s * 2n > order && s < order ? order - s : s).toString(16)}`;
}

/** The twin of a signature, which is as good. */
export function signatureTwin(raw: Uint8Array): Uint8Array {
  const s = BigInt(`0x${raw.subarray(32).toHex()}`);
  return Uint8Array.fromHex(raw.subarray(0, 32).toHex() + (p256.Point.Fn.ORDER - s).toString(16).padStart(64, "0"));
}

/** What each member of a bundle says (tdx.md §2.9, form 1), by its name. */
export function bundleEssence(bundle: Readonly<Record<string, unknown>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(bundle).map(([name, value]) => [name, memberEssence(name, value)]));
}

function memberEssence(name: string, value: unknown): string {
  const text = typeof value === "string" ? value : "";
  const bytes = Array.isArray(value) ? Uint8Array.from(value as number[]) : hexBytes(text);
  if (name.endsWith("_chain")) return pemEssence(text);
  if (name.endsWith("_signature")) return signatureEssence(bytes);
  if (name.endsWith("_crl")) return text.includes("BEGIN") ? pemEssence(text) : signedPart(bytes);
  return canonical(text);
}

const hexBytes = (text: string): Uint8Array => (/^(?:[0-9A-Fa-f]{2})*$/.test(text) ? Uint8Array.fromHex(text) : new Uint8Array());

function canonical(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text));
  } catch {
    return `? ${text}`;
  }
}
