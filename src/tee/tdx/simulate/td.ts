import { CaiError, type JsonObject } from "../../../system/index.ts";
import { EVENT_TYPE, encodeLogEvent, joinEventLog, parseEventLog, REGISTER_INDEXES, replayEventLog, SHA384 } from "../../eventlog/index.ts";
import type { LoggedEvent } from "../../tee.ts";
import { formatEvidence } from "../evidence.ts";
import { measure, simulatedBootLog } from "./boot-log.ts";
import type { SimulatedKnobs } from "./knobs.ts";
import { SimulatedPlatform } from "./platform.ts";

const DIGEST_SIZE = 48;
/** What the kernel lets a guest extend: the others belong to firmware and boot loader (tdx.md §3.4). */
const EXTENDABLE = [2, 3];
/** Of the runtime log: far more than a machine records, far less than a verifier reads. */
const MAX_RUNTIME_LOG = 256 * 1024;

/** A simulated TD: the platform that it runs on and what was measured into it. Several processes can be the same TD by sharing its state. */
export interface SimulatedTd {
  /** 32 bytes; the platform's secret */
  readonly seed: Uint8Array;
  /** seconds since 1970 */
  readonly created: number;
  readonly quoteVersion: 4 | 5;
  /** 48 bytes */
  readonly mrTd: Uint8Array;
  /** RTMR0 to RTMR3, 48 bytes each */
  readonly rtmrs: readonly Uint8Array[];
  /** 48 bytes: the digest of the init data, zero-filled at the end */
  readonly mrConfigId: Uint8Array;
  /** 8 bytes, little-endian; bit 0 is DEBUG */
  readonly tdAttributes: Uint8Array;
  /** the log whose replay gives the RTMRs; absent in a machine that an older version made, which shows quotes only */
  readonly log: SimulatedLog | undefined;
}

/** The two parts of a machine's event log (tdx.md §4.1). */
export interface SimulatedLog {
  /** as firmware leaves it: header and records */
  readonly boot: Uint8Array;
  /** records of what happened since */
  readonly runtime: Uint8Array;
}

export interface SimulatedTdOptions {
  /** 32 bytes */
  readonly seed: Uint8Array;
  /** seconds since 1970 */
  readonly now: number;
  /** names what runs in the TD: another name gives other measurements, as another image would */
  readonly software?: string;
  /** a TD that the host can look into; default false */
  readonly debug?: boolean;
  readonly mrConfigId?: Uint8Array;
  /** default 4 */
  readonly quoteVersion?: 4 | 5;
}

/**
 * Makes a simulated TD that has booted. A tampered machine for a demonstration is the same seed with another `software`, or with `debug`: genuine
 * for its platform, wrong for its policy.
 */
export function createSimulatedTd(options: SimulatedTdOptions): SimulatedTd {
  const { seed, now, software = "reference", debug = false, mrConfigId = new Uint8Array(DIGEST_SIZE), quoteVersion = 4 } = options;
  const boot = simulatedBootLog(software);
  return {
    seed,
    created: Math.floor(now),
    quoteVersion,
    mrTd: measure(software, "mr_td"),
    rtmrs: replayed(boot),
    mrConfigId,
    tdAttributes: Uint8Array.of(debug ? 1 : 0, 0, 0, 0x10, 0, 0, 0, 0),
    log: { boot, runtime: new Uint8Array(0) },
  };
}

/** RTMR0 to RTMR3 as a log leads to them. */
function replayed(log: Uint8Array): Uint8Array[] {
  const registers = replayEventLog(parseEventLog(log), SHA384);
  return REGISTER_INDEXES.map((index) => registers.get(index)!);
}

/** True where the log of a TD leads to its registers, or it has none. */
export function isConsistent(td: SimulatedTd): boolean {
  try {
    const log = simulatedEventLog(td);
    return log === undefined || replayed(log).every((rtmr, i) => Buffer.compare(rtmr, td.rtmrs[i]!) === 0);
  } catch (error) {
    if (error instanceof CaiError) return false;
    throw error;
  }
}

/**
 * The TD after a register was extended and the event was logged: neither is seen without the other.
 *
 * @param register  2 or 3, as the kernel allows
 * @param digest    48 bytes
 * @param event     what the log says of it; default: a tagged event without data
 * @throws CaiError `tdx.extension-invalid` for another register or size, a full log, or a machine that has no log
 */
export function extendSimulatedTd(td: SimulatedTd, register: number, digest: Uint8Array, event?: LoggedEvent): SimulatedTd {
  const { type, data } = event ?? { type: EVENT_TYPE.EV_EVENT_TAG, data: new Uint8Array(0) };
  if (!EXTENDABLE.includes(register)) throw invalidExtension("register", "2 or 3", `${register}`);
  if (digest.length !== DIGEST_SIZE) throw invalidExtension("digest", `${DIGEST_SIZE} bytes`, `${digest.length}`);
  if (td.log === undefined) throw invalidExtension("machine", "one with an event log", "one that an older version made");
  const record = encodeLogEvent({ index: register + 1, type, digests: [{ algorithm: "SHA-384", digest }], data });
  const size = td.log.runtime.length + record.length;
  if (size > MAX_RUNTIME_LOG) throw invalidExtension("runtime log", `at most ${MAX_RUNTIME_LOG} bytes`, `${size}`);
  return {
    ...td,
    rtmrs: td.rtmrs.map((rtmr, i) => (i === register ? SHA384.digest(rtmr, digest) : rtmr)),
    log: { boot: td.log.boot, runtime: new Uint8Array(Buffer.concat([td.log.runtime, record])) },
  };
}

function invalidExtension(what: string, expected: string, got: string): CaiError {
  return new CaiError("tdx.extension-invalid", `extension of a simulated TD, ${what}: expected ${expected}, got ${got}`, { expected, got });
}

/** The platform that a simulated TD runs on. @param now  when its collateral is issued, seconds since 1970; default: when the TD was created */
export const platformOf = (td: SimulatedTd, now: number = td.created, knobs: Partial<SimulatedKnobs> = {}): SimulatedPlatform =>
  SimulatedPlatform.create({ seed: td.seed, now, knobs });

/** The event log that the TD's agent sends; undefined where it has none. */
export const simulatedEventLog = ({ log }: SimulatedTd): Uint8Array | undefined => joinEventLog(log?.boot, log?.runtime);

/** The TD's evidence over 64 bytes of report data. @param platform  the one that it runs on */
export function simulatedEvidence(td: SimulatedTd, platform: SimulatedPlatform, reportData: Uint8Array): JsonObject {
  const { mrTd, rtmrs, mrConfigId, tdAttributes, quoteVersion: version } = td;
  return formatEvidence(platform.quote({ reportData, mrTd, rtmrs, mrConfigId, tdAttributes, version }), simulatedEventLog(td));
}
