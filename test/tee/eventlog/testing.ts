import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { type DigestName, EVENT_TYPE, encodeLogEvent, encodeLogHeader, type LogEvent, SHA384 } from "../../../src/tee/eventlog/index.ts";

export { errorId } from "../../crypto/certificate-testing.ts";
export { changed } from "../tdx/testing.ts";

export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
export const joined = (...parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));
export const TERMINATOR: Uint8Array = new Uint8Array(8).fill(0xff);

const vectors = resolve(import.meta.dir, "../../..", process.env["CAI_VECTORS"] ?? "../shared/vectors");
export const haveLogs = existsSync(vectors);
if (!haveLogs) console.warn(`no vectors at ${vectors}: tests of real event logs are skipped`);
export const logFile = (path: string): Uint8Array => readFileSync(`${vectors}/${path}`);

/** What `ccel/expected.json` says of each log. */
export const expectedLogs = (): Record<string, { events: number; usedBytes: number; rtmr_sha384: string[]; matchesQuote?: string }> =>
  JSON.parse(Buffer.from(logFile("tdx/ccel/expected.json")).toString());

/** The upstream claims that a file of the vectors holds. */
export function expectedClaims(path: string): Record<string, unknown>[] {
  const parsed = JSON.parse(Buffer.from(logFile(path)).toString());
  return Array.isArray(parsed) ? parsed : parsed.uefi_event_logs;
}

/** A record for tests: of the event's digest, unless it says another. */
export interface TestRecord {
  readonly index?: number;
  readonly type?: number;
  readonly data?: Uint8Array;
  readonly digest?: Uint8Array;
}

export function record({
  index = 1,
  type = EVENT_TYPE.EV_EFI_ACTION,
  data = utf8("x"),
  digest = SHA384.digest(data),
}: TestRecord): LogEvent {
  return { index, type, digests: [{ algorithm: "SHA-384", digest }], data };
}

/** A log of records, with its header and without a terminator. */
export const logOf = (...records: readonly TestRecord[]): Uint8Array =>
  joined(encodeLogHeader("SHA-384"), ...records.map((one) => encodeLogEvent(record(one))));

/** Bytes. */
export const DIGEST_SIZES: Readonly<Record<DigestName, number>> = { "SHA-1": 20, "SHA-256": 32, "SHA-384": 48, "SHA-512": 64, SM3: 32 };
