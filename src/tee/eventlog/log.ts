import { algorithmById, type DigestName, digestSize, type LogHash } from "./algorithm.ts";
import { EVENT_TYPE } from "./event-type.ts";
import { LogReader, malformedLog } from "./reader.ts";

/** The most that is looked at: real logs have some ten or twenty thousand bytes, in an area of up to a megabyte that padding fills. */
export const MAX_LOG_BYTES: number = 4 * 1024 * 1024;
/** The most bytes that records may take. */
const MAX_USED_BYTES = 1024 * 1024;
const MAX_EVENTS = 8192;
const MAX_DIGESTS = 8;

const SHA1_SIZE = 20;
const SIGNATURE_SIZE = 16;
const SIGNATURE = new TextEncoder().encode("Spec ID Event03\0");
const TERMINATOR_SIZE = 8;

/** The registers that a log is replayed into, by its own numbering (tdx.md §4.3): 1 to 4 are RTMR0 to RTMR3 of TDX, rtmr1 to rtmr4 of CSV. */
export const REGISTER_INDEXES = [1, 2, 3, 4] as const;

/** One digest of a record. */
export interface EventDigest {
  readonly algorithm: DigestName;
  readonly digest: Uint8Array;
}

/** One record of a log, as it stands there: nothing but a digest of a replayed register is covered by anything signed. */
export interface LogEvent {
  /** the measurement register by the log's numbering */
  readonly index: number;
  readonly type: number;
  /** at most one of each algorithm */
  readonly digests: readonly EventDigest[];
  readonly data: Uint8Array;
}

/** A parsed log. Byte members share the memory of its bytes. */
export interface EventLog {
  /** the digest algorithms that the first record declares */
  readonly algorithms: readonly DigestName[];
  /** every record after the first, in log order */
  readonly events: readonly LogEvent[];
  /** how many bytes were read, up to the terminator and without it */
  readonly usedBytes: number;
}

/** A record whose digest a replayed register covers. */
export interface CoveredEvent {
  readonly event: LogEvent;
  readonly digest: Uint8Array;
}

/**
 * Takes an event log apart: TCG's crypto-agile format, in which both CCEL and TCG2 logs are (tdx.md §4.2).
 *
 * It ends with the data, or where the next eight bytes are all 0xff or all zero; whatever follows is ignored. Event types are not judged.
 *
 * @throws CaiError `eventlog.malformed`
 */
export function parseEventLog(bytes: Uint8Array): EventLog {
  if (bytes.length > MAX_LOG_BYTES) throw malformedLog("size", `at most ${MAX_LOG_BYTES} bytes`, `${bytes.length} bytes`);
  const reader = new LogReader(bytes);
  const algorithms = readSpecId(reader);
  const events: LogEvent[] = [];
  while (reader.left > 0 && !atTerminator(reader)) {
    if (events.length === MAX_EVENTS) throw malformedLog("records", `at most ${MAX_EVENTS}`, "more");
    events.push(readEvent(reader, algorithms, `record ${events.length + 1}`));
    if (reader.at > MAX_USED_BYTES) throw malformedLog("records", `at most ${MAX_USED_BYTES} bytes`, "more");
  }
  return { algorithms, events, usedBytes: reader.at };
}

function atTerminator(reader: LogReader): boolean {
  const next = reader.peek(TERMINATOR_SIZE);
  return next.length === TERMINATOR_SIZE && (next.every((byte) => byte === 0xff) || next.every((byte) => byte === 0));
}

/** The first record, in the layout of older logs: which algorithms the digests of the others are of. */
function readSpecId(reader: LogReader): DigestName[] {
  reader.u32("register of the first record");
  const type = reader.u32("type of the first record");
  if (type !== EVENT_TYPE.EV_NO_ACTION) throw malformedLog("type of the first record", "3 (EV_NO_ACTION)", `${type}`);
  reader.take(SHA1_SIZE, "digest of the first record");
  const event = new LogReader(reader.take(reader.u32("size of the first record"), "first record"));
  const signature = event.take(SIGNATURE_SIZE, "signature of the first record");
  // A runtime log's header, which has no firmware before it, has a signature of zeros (tdx.md §4.1).
  if (Buffer.compare(signature, SIGNATURE) !== 0 && signature.some((byte) => byte !== 0)) {
    throw malformedLog("signature of the first record", "Spec ID Event03, or zeros", signature.toHex());
  }
  event.u32("platform class");
  event.take(4, "specification version");
  const count = event.u32("number of algorithms");
  if (count < 1 || count > MAX_DIGESTS) throw malformedLog("number of algorithms", `1 to ${MAX_DIGESTS}`, `${count}`);
  const algorithms: DigestName[] = [];
  for (let i = 0; i < count; i++) {
    const algorithm = readAlgorithm(event, "declared algorithm");
    const size = event.u16("declared digest size");
    if (size !== digestSize(algorithm)) throw malformedLog(`digest size of ${algorithm}`, `${digestSize(algorithm)}`, `${size}`);
    if (algorithms.includes(algorithm)) throw malformedLog("declared algorithms", "each once", `${algorithm} twice`);
    algorithms.push(algorithm);
  }
  event.take(event.u8("size of the vendor's part"), "vendor's part");
  if (event.left > 0) throw malformedLog("first record", "no further bytes", `${event.left} bytes`);
  return algorithms;
}

function readEvent(reader: LogReader, declared: readonly DigestName[], name: string): LogEvent {
  const index = reader.u32(`${name}, register`);
  const type = reader.u32(`${name}, type`);
  const count = reader.u32(`${name}, number of digests`);
  if (count > MAX_DIGESTS) throw malformedLog(`${name}, number of digests`, `at most ${MAX_DIGESTS}`, `${count}`);
  const digests: EventDigest[] = [];
  for (let i = 0; i < count; i++) {
    const algorithm = readAlgorithm(reader, `${name}, algorithm`);
    if (!declared.includes(algorithm)) throw malformedLog(`${name}, algorithm`, "one that the first record declares", algorithm);
    // Replaying two would extend twice, and whoever reads the claims would take either for the measurement.
    if (digests.some((one) => one.algorithm === algorithm)) throw malformedLog(`${name}, algorithms`, "each once", `${algorithm} twice`);
    digests.push({ algorithm, digest: reader.take(digestSize(algorithm), `${name}, digest`) });
  }
  const data = reader.take(reader.u32(`${name}, size of the event`), `${name}, event`);
  return { index, type, digests, data };
}

function readAlgorithm(reader: LogReader, what: string): DigestName {
  const id = reader.u16(what);
  const algorithm = algorithmById(id);
  if (algorithm === undefined) throw malformedLog(what, "SHA-1, SHA-2 or SM3", `0x${id.toString(16)}`);
  return algorithm;
}

/**
 * The records that replay looks at, in log order: those of registers 1 to 4, without EV_NO_ACTION, which is never measured. Whatever else is
 * in a log, nothing signed covers, so that no claim may come from it (security.md I18).
 *
 * @throws CaiError `eventlog.malformed` where such a record has no digest of the registers' algorithm
 */
export function coveredEvents({ events }: EventLog, { name }: LogHash): CoveredEvent[] {
  return events.flatMap((event, at) => {
    if (event.type === EVENT_TYPE.EV_NO_ACTION || !isRegister(event.index)) return [];
    const digest = event.digests.find((one) => one.algorithm === name)?.digest;
    if (digest === undefined) throw malformedLog(`record ${at + 1}`, `a digest of ${name}`, "none");
    return [{ event, digest }];
  });
}

const isRegister = (index: number): boolean => REGISTER_INDEXES.some((one) => one === index);

/**
 * What the registers hold after every record of a log was extended into its own (tdx.md §4.3).
 *
 * @param hash  the registers' algorithm
 * @returns the value of each of {@link REGISTER_INDEXES}; zeros where the log has no record of it
 * @throws CaiError `eventlog.malformed` where a record has no digest of that algorithm
 */
export function replayEventLog(log: EventLog, hash: LogHash): ReadonlyMap<number, Uint8Array> {
  const registers = new Map<number, Uint8Array>(REGISTER_INDEXES.map((index) => [index, new Uint8Array(digestSize(hash.name))]));
  for (const { event, digest } of coveredEvents(log, hash)) registers.set(event.index, hash.digest(registers.get(event.index)!, digest));
  return registers;
}
