import { algorithmId, type DigestName, digestSize } from "./algorithm.ts";
import { EVENT_TYPE } from "./event-type.ts";
import { type LogEvent, parseEventLog } from "./log.ts";
import { malformedLog } from "./reader.ts";

const TERMINATOR: Uint8Array = new Uint8Array(8).fill(0xff);
/** What the header of a runtime log declares, whatever the platform's own algorithm is (tdx.md §4.1). */
const RUNTIME_ALGORITHMS: readonly DigestName[] = ["SHA-384", "SM3", "SHA-256"];

/** Bytes put together out of little-endian numbers and other bytes. */
class LogWriter {
  readonly #parts: Uint8Array[] = [];

  bytes(bytes: Uint8Array): this {
    this.#parts.push(bytes);
    return this;
  }

  u16(value: number): this {
    return this.bytes(Uint8Array.of(value & 0xff, value >>> 8));
  }

  u32(value: number): this {
    return this.bytes(Uint8Array.of(value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24));
  }

  done(): Uint8Array {
    return new Uint8Array(Buffer.concat(this.#parts));
  }
}

/**
 * One record as it stands in a log (tdx.md §4.2): TCG_PCR_EVENT2.
 *
 * @throws CaiError `eventlog.malformed` for a digest of another size than its algorithm's
 */
export function encodeLogEvent({ index, type, digests, data }: LogEvent): Uint8Array {
  const writer = new LogWriter().u32(index).u32(type).u32(digests.length);
  for (const { algorithm, digest } of digests) {
    if (digest.length !== digestSize(algorithm))
      throw malformedLog(`digest of ${algorithm}`, `${digestSize(algorithm)} bytes`, `${digest.length}`);
    writer.u16(algorithmId(algorithm)).bytes(digest);
  }
  return writer.u32(data.length).bytes(data).done();
}

/**
 * The first record of a log (tdx.md §4.1, §4.2).
 *
 * @param firmware  the one algorithm of a firmware's log; without it, the fixed header of 73 bytes that precedes runtime entries where no
 *                  firmware log does
 */
export function encodeLogHeader(firmware?: DigestName): Uint8Array {
  const algorithms = firmware === undefined ? RUNTIME_ALGORITHMS : [firmware];
  const event = new LogWriter()
    .bytes(firmware === undefined ? new Uint8Array(16) : new TextEncoder().encode("Spec ID Event03\0"))
    .u32(0)
    // minor, major, errata, size of a pointer in words of four bytes
    .bytes(firmware === undefined ? new Uint8Array(4) : Uint8Array.of(0, 2, 0, 2))
    .u32(algorithms.length);
  for (const name of algorithms) event.u16(algorithmId(name)).u16(digestSize(name));
  const body = event.bytes(Uint8Array.of(0)).done();
  return new LogWriter()
    .u32(firmware === undefined ? 0 : 1)
    .u32(EVENT_TYPE.EV_NO_ACTION)
    .bytes(new Uint8Array(20))
    .u32(body.length)
    .bytes(body)
    .done();
}

/**
 * The log that an agent sends: the firmware's up to its terminator, then what was recorded at run time, then a terminator (tdx.md §4.1).
 *
 * @param ccel     the firmware's log as the kernel shows it, with its padding; absent where there is none
 * @param runtime  records as {@link encodeLogEvent} writes them, without header and terminator; absent where there is no runtime log
 * @returns undefined where there is neither
 * @throws CaiError `eventlog.malformed` where either is no log
 */
export function joinEventLog(ccel: Uint8Array | undefined, runtime: Uint8Array | undefined): Uint8Array | undefined {
  if (ccel === undefined && runtime === undefined) return undefined;
  const head = ccel === undefined ? encodeLogHeader() : ccel.subarray(0, parseEventLog(ccel).usedBytes);
  const records = new LogWriter()
    .bytes(head)
    .bytes(runtime ?? new Uint8Array(0))
    .done();
  const { usedBytes } = parseEventLog(records);
  if (usedBytes !== records.length) throw malformedLog("runtime records", "no terminator among them", `one at byte ${usedBytes}`);
  return new LogWriter().bytes(records).bytes(TERMINATOR).done();
}
