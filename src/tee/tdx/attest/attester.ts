import { CaiError, type JsonObject, type StreamAddress } from "../../../system/index.ts";
import { joinEventLog } from "../../eventlog/index.ts";
import type { Attester } from "../../tee.ts";
import { formatEvidence } from "../evidence.ts";
import { sameBytes } from "../layout.ts";
import { readCcel, readRuntimeLog } from "./ccel.ts";
import { findDevice, type GuestDevice, threadedDevice } from "./guest-device.ts";
import { type TdxPaths, tdxPaths } from "./paths.ts";
import { requireReportData } from "./quote-check.ts";
import { QuoteQueue } from "./quote-queue.ts";
import { configfsSource, ioctlSource, type QgsConnector, type QuoteSource, type QuoteSourceName, vsockSource } from "./quote-source.ts";
import { createRtmrs, type Rtmrs } from "./rtmr.ts";

export interface TdxAttesterOptions {
  /** default: where Linux has them */
  readonly paths?: TdxPaths;
  /** the one way to a quote; `auto`, the default, tries them in order */
  readonly source?: QuoteSourceName | "auto";
  /** where the host's quote generation service is, whatever its file says */
  readonly qgs?: StreamAddress;
  /** opens the guest device at a path; default: ioctl(2) on threads */
  readonly openDevice?: (path: string) => GuestDevice;
  /** default: over a stream socket, on a thread */
  readonly connect?: QgsConnector;
  /** waits between two tries */
  readonly sleep?: (milliseconds: number) => Promise<void>;
}

/** The attester of a TDX guest, with the parts that it is made of, for whoever has to say what works. */
export interface TdxAttester extends Attester {
  /** Extends RTMR2 or RTMR3, never while a quote is being made. @throws as {@link Rtmrs.extend}, `agent.evidence-busy` */
  extend(register: number, digest: Uint8Array): Promise<void>;
  /** the ways to a quote that are set, in the order in which they are tried */
  readonly sources: readonly QuoteSource[];
  readonly rtmrs: Rtmrs;
  /** the path of the guest device; undefined where there is none */
  device(): Promise<string | undefined>;
  /**
   * What is sent as the event log (tdx.md §4.1).
   *
   * @returns undefined where there is none
   * @throws CaiError `tdx.ccel-malformed`, `tdx.ccel-unreadable`, `eventlog.malformed`
   */
  eventLog(): Promise<Uint8Array | undefined>;
}

/** How often evidence is made anew where the log grows meanwhile. */
const TRIES = 3;

/**
 * Gets evidence of the TDX guest that this program runs in.
 *
 * Its `evidence` throws `tdx.report-data-length`, `agent.evidence-busy`, `tdx.ccel-malformed`, `tdx.ccel-unreadable`, `eventlog.malformed`; and
 * where no quote comes, the one source's error, or `tdx.quote-unavailable` with what each said.
 */
export function tdxAttester(options: TdxAttesterOptions = {}): TdxAttester {
  const { paths = tdxPaths(), source = "auto", openDevice = threadedDevice, sleep = Bun.sleep } = options;
  const findPath = () => findDevice(paths.devicePaths);
  const device = async () => {
    const path = await findPath();
    return path === undefined ? undefined : openDevice(path);
  };
  const all = [
    configfsSource({ root: paths.configfsRoot, sleep }),
    vsockSource({
      device,
      config: paths.qgsConfig,
      ...(options.qgs && { address: options.qgs }),
      ...(options.connect && { connect: options.connect }),
    }),
    ioctlSource(device),
  ];
  const sources = source === "auto" ? all : all.filter(({ name }) => name === source);
  const rtmrs = createRtmrs({ measurements: paths.sysfsMeasurements, device });
  const queue = new QuoteQueue<JsonObject>();
  const eventLog = async () => joinEventLog(await readCcel(paths), await readRuntimeLog(paths.runtimeLog));
  return {
    tee: "tdx",
    simulated: false,
    sources,
    rtmrs,
    device: findPath,
    eventLog,
    // configfs-tsm is asked last: it makes and removes an entry.
    detect: async () => (await findPath()) !== undefined || (await works(all[0]!)),
    async evidence(reportData) {
      requireReportData(reportData);
      return queue.shared(reportData, () => evidenceOf(reportData, sources, eventLog));
    },
    extend: (register, digest) => queue.alone(() => rtmrs.extend(register, digest)),
  };
}

async function works(source: QuoteSource): Promise<boolean> {
  try {
    await source.probe();
    return true;
  } catch (error) {
    if (error instanceof CaiError) return false;
    throw error;
  }
}

/**
 * A quote with the log of the same moment: a record that is written meanwhile would be in one and not in the other, and no verifier would take that.
 */
async function evidenceOf(
  reportData: Uint8Array,
  sources: readonly QuoteSource[],
  eventLog: () => Promise<Uint8Array | undefined>,
): Promise<JsonObject> {
  let log = await eventLog();
  for (let tries = 1; ; tries++) {
    const quote = await quoteFrom(sources, reportData);
    const after = await eventLog();
    if (tries === TRIES || sameBytes(log ?? new Uint8Array(), after ?? new Uint8Array())) return formatEvidence(quote, after);
    log = after;
  }
}

/** The first source that gives a quote. */
async function quoteFrom(sources: readonly QuoteSource[], reportData: Uint8Array): Promise<Uint8Array> {
  const failures: { readonly name: QuoteSourceName; readonly error: CaiError }[] = [];
  for (const source of sources) {
    try {
      return await source.quote(reportData);
    } catch (error) {
      if (!(error instanceof CaiError)) throw error;
      failures.push({ name: source.name, error });
    }
  }
  const [first] = failures;
  if (first !== undefined && failures.length === 1) throw first.error;
  const tried = failures.map(
    ({ name, error }) => `${name}: ${error.id}, ${error.message}${error.got === undefined ? "" : ` (${error.got})`}`,
  );
  throw new CaiError("tdx.quote-unavailable", `no way to a quote works: ${tried.join("; ")}`, {
    got: failures.map(({ error }) => error.id).join(", "),
  });
}
