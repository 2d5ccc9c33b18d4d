import { CaiError, type StreamAddress } from "../../../system/index.ts";
import { onDeviceThread } from "./device-thread.ts";
import { deviceError, type GuestDevice } from "./guest-device.ts";
import { errnoOf, readKernelFile } from "./kernel-file.ts";
import { parseQgsConfig } from "./qgs-config.ts";
import { decodeQuoteResponse, encodeQuoteRequest } from "./qgs-message.ts";
import { requireQuoteOf, requireReportData } from "./quote-check.ts";
import { readTdreport } from "./tdreport.ts";
import { requireTsm, type TsmOptions, tsmQuote } from "./tsm-quote.ts";

/** The ways to a quote, in the order in which they are tried (tdx.md §3). */
export const QUOTE_SOURCES = ["configfs", "vsock", "ioctl"] as const;
export type QuoteSourceName = (typeof QUOTE_SOURCES)[number];

/** One way to a quote. */
export interface QuoteSource {
  readonly name: QuoteSourceName;
  /** Looks whether it can be tried, without making a quote. @throws CaiError with the reason where not */
  probe(): Promise<void>;
  /** @param reportData  64 bytes @returns a plausible quote over it. @throws CaiError */
  quote(reportData: Uint8Array): Promise<Uint8Array>;
}

/** Gives the guest device; undefined where the machine has none. */
type FindDevice = () => Promise<GuestDevice | undefined>;

/** Carries a message to the quote generation service and back. @throws SystemError, CaiError */
export type QgsConnector = (address: StreamAddress, message: Uint8Array) => Promise<Uint8Array>;

/** How long one exchange with the service may take. */
const EXCHANGE_MS = 30_000;
const MAX_CONFIG = 64 * 1024;

/** configfs-tsm of Linux 6.7 and later. */
export function configfsSource(options: TsmOptions): QuoteSource {
  return { name: "configfs", probe: () => requireTsm(options.root), quote: (reportData) => tsmQuote(options, reportData) };
}

export interface VsockSourceOptions {
  readonly device: FindDevice;
  /** path of the file that names the port */
  readonly config: string;
  /** where the service is, whatever the file says */
  readonly address?: StreamAddress;
  readonly connect?: QgsConnector;
}

/** A TDREPORT from the guest device, made a quote by the host's service. */
export function vsockSource({ device, config, address, connect = threadedExchange }: VsockSourceOptions): QuoteSource {
  const find = async () => ({ service: address ?? (await configuredAddress(config)), guest: await requireDevice(device) });
  return {
    name: "vsock",
    probe: async () => void (await find()),
    async quote(reportData) {
      requireReportData(reportData);
      const { service, guest } = await find();
      const tdreport = await tdreportOf(guest, reportData);
      let response: Uint8Array;
      try {
        response = await connect(service, encodeQuoteRequest(tdreport));
      } catch (error) {
        throw exchangeError(service, error);
      }
      return requireQuoteOf(decodeQuoteResponse(response), tdreport, reportData);
    },
  };
}

/** A TDREPORT, made a quote by way of the vendor kernel's own call. */
export function ioctlSource(device: FindDevice): QuoteSource {
  return {
    name: "ioctl",
    probe: async () => void (await requireDevice(device)),
    async quote(reportData) {
      requireReportData(reportData);
      const guest = await requireDevice(device);
      const tdreport = await tdreportOf(guest, reportData);
      const answer = guest.exchange(encodeQuoteRequest(tdreport));
      const response = await answer.catch((error) => Promise.reject(deviceError("asking for a quote", error)));
      return requireQuoteOf(decodeQuoteResponse(response), tdreport, reportData);
    },
  };
}

async function tdreportOf(guest: GuestDevice, reportData: Uint8Array): Promise<Uint8Array> {
  const report = await guest.report(reportData).catch((error) => Promise.reject(deviceError("making a TDREPORT", error)));
  return readTdreport(report, reportData).bytes;
}

async function requireDevice(device: FindDevice): Promise<GuestDevice> {
  const guest = await device();
  if (guest === undefined) throw new CaiError("tdx.device-unusable", "this machine has no TDX guest device", { got: "no such file" });
  return guest;
}

async function configuredAddress(path: string): Promise<StreamAddress> {
  const none = (got: string) =>
    new CaiError("tdx.qgs-unreachable", "no port of a quote generation service is configured", {
      expected: `a line \`port = 4050\` in ${path}`,
      got,
    });
  let text: string;
  try {
    text = new TextDecoder().decode(await readKernelFile(path, MAX_CONFIG, () => none("a file that is too long")));
  } catch (error) {
    throw error instanceof CaiError ? error : none(errnoOf(error) ?? String(error));
  }
  const address = parseQgsConfig(text);
  if (address === undefined) throw none("no such line");
  return address;
}

function threadedExchange(address: StreamAddress, message: Uint8Array): Promise<Uint8Array> {
  // The thread's own deadline comes first; the second one is for a thread that hangs.
  return onDeviceThread({ kind: "exchange", address, message, timeoutMs: EXCHANGE_MS }, 2 * EXCHANGE_MS);
}

function exchangeError(address: StreamAddress, error: unknown): CaiError {
  if (error instanceof CaiError) return error;
  const where = address.kind === "unix" ? address.path : `vsock port ${address.port} of CID ${address.cid}`;
  const code = errnoOf(error);
  const details = { got: code ?? String(error), cause: error };
  return code === "ETIMEDOUT"
    ? new CaiError("tdx.quote-timeout", `the quote generation service at ${where} did not answer in time`, details)
    : new CaiError("tdx.qgs-unreachable", `the quote generation service at ${where} cannot be reached`, details);
}
