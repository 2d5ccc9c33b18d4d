import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { CaiError } from "../../../src/system/index.ts";
import { parseQuote, SimulatedPlatform, type SimulatedQuoteOptions } from "../../../src/tee/tdx/index.ts";

export { errorId } from "../../crypto/certificate-testing.ts";

/** When simulated things happen in these tests: 2026-01-10T00:00:00Z. */
export const NOW = 1_768_003_200;
export const SEED: Uint8Array = new Uint8Array(32).fill(7);
export const REPORT_DATA: Uint8Array = Uint8Array.from({ length: 64 }, (_, index) => index);

/** An up-to-date platform that tests may share, since nothing in it changes. */
export const platform = SimulatedPlatform.create({ seed: SEED, now: NOW });
export const anchors = [{ certificate: platform.anchorDer, simulated: true }];
export const quoteOf = (options: Partial<SimulatedQuoteOptions> = {}): Uint8Array =>
  platform.quote({ reportData: REPORT_DATA, ...options });

const vectors = resolve(import.meta.dir, "../../..", process.env["CAI_VECTORS"] ?? "../shared/vectors", "tdx");
export const haveVectors = existsSync(vectors);
if (!haveVectors) console.warn(`no TDX vectors at ${vectors}: their tests are skipped`);
export const vector = (path: string): Uint8Array => readFileSync(`${vectors}/${path}`);
export const vectorPath = (path: string): string => `${vectors}/${path}`;
export const vectorText = (path: string): string => readFileSync(`${vectors}/${path}`, "utf8");

/** A copy of `bytes` with one change made to it. */
export function changed(bytes: Uint8Array, change: (copy: Uint8Array) => unknown): Uint8Array {
  const copy = Uint8Array.from(bytes);
  change(copy);
  return copy;
}

/** The reason word of an error id. */
export const reasonOf = (id: string | undefined): string | undefined => id?.slice(id.indexOf(".") + 1);

/** As `errorId` for something that takes its time. */
export async function rejectionId(run: Promise<unknown>): Promise<string | undefined> {
  try {
    await run;
  } catch (error) {
    if (error instanceof CaiError) return error.id;
    throw error;
  }
  return undefined;
}

/** The version 4 quote with other certification data, which no signature covers. */
export function withCertification(quote: Uint8Array, type: number, data: Uint8Array): Uint8Array {
  const [authSize, outerSize, innerType] = [632, 766, 1252];
  const out = new Uint8Array(innerType + 6 + data.length);
  out.set(quote.subarray(0, innerType));
  out.set(data, innerType + 6);
  const view = new DataView(out.buffer);
  view.setUint32(authSize, out.length - authSize - 4, true);
  view.setUint32(outerSize, out.length - outerSize - 4, true);
  view.setUint16(innerType, type, true);
  view.setUint32(innerType + 2, data.length, true);
  return out;
}

/** The PEM blocks of the platform's PCK chain: leaf, intermediate, root. */
export const platformChain: readonly Uint8Array[] = Buffer.from(parseQuote(quoteOf()).certification.data)
  .toString("latin1")
  .replace("\0", "")
  .split(/(?<=-----END CERTIFICATE-----\n)/)
  .map((pem) => new TextEncoder().encode(pem));
