import { CaiError, catalogue } from "../../../system/index.ts";
import { parseQuote, type QuoteSource, type QuoteSourceName, type TdxAttester } from "../../../tee/tdx/index.ts";
import { type Finding, found, ok } from "../finding.ts";
import type { Machine } from "../machine.ts";

/** What a quote of this machine says of it. Nothing of it was verified. */
export interface Quoted {
  /** a debug bit or one of its kind is set: the host can look into the TD */
  readonly debug: boolean;
  /** the machine was started with init data */
  readonly configured: boolean;
  /** firmware, kernel, command line and initrd were measured: no boot register is zero */
  readonly bootMeasured: boolean;
}

/** Which ways to a quote work. */
export interface Quotes {
  readonly quoted: Quoted | undefined;
  readonly findings: readonly Finding[];
}

const NAMES: Readonly<Record<QuoteSourceName, string>> = {
  configfs: "configfs-tsm",
  vsock: "the host's quote generation service over vsock",
  ioctl: "the vendor kernel's own call",
};

/**
 * Tries every way to a quote.
 *
 * @param isTdx       where not, it is no wonder that no way works, and there is nothing to mend
 * @param reportData  64 bytes that nobody else uses
 */
export async function quotes(attester: TdxAttester, machine: Machine, isTdx: boolean, reportData: Uint8Array): Promise<Quotes> {
  const results: { readonly source: QuoteSource; readonly quote?: Uint8Array; readonly error?: CaiError }[] = [];
  for (const source of attester.sources) {
    try {
      results.push({ source, quote: await source.quote(reportData) });
    } catch (error) {
      results.push({ source, error: CaiError.from(error) });
    }
  }
  const quote = results.find((result) => result.quote !== undefined)?.quote;
  const failed = quote === undefined && isTdx ? "problem" : "info";
  const findings = results.map(({ source: { name }, error }) => {
    if (error === undefined) return ok(`quote.${name}`, `a quote came through ${NAMES[name]}`);
    // The vendor kernel's call is what only old kernels have: nobody has to mend that.
    const severity = name === "ioctl" ? "info" : failed;
    const mend = quote !== undefined || isTdx ? mendOf(name, machine, error) : undefined;
    return found(severity, `quote.${name}`, `no quote comes through ${NAMES[name]}: ${reason(error)}`, mend);
  });
  return { quoted: quote && quotedIn(quote), findings: [...findings, ...(quote === undefined && isTdx ? surroundings(machine) : [])] };
}

/** What the ways to a quote need. */
function surroundings(machine: Machine): Finding[] {
  const mounted = /^\S+ \S+ configfs /m.test(machine.text("/proc/self/mounts") ?? "");
  return [
    mounted
      ? ok("configfs.mounted", "configfs is mounted")
      : found("problem", "configfs.mounted", "configfs is not mounted", "mount -t configfs none /sys/kernel/config"),
    machine.exists("/dev/vsock")
      ? ok("vsock.device", "the machine has a vsock device")
      : found("info", "vsock.device", "the machine has no vsock device", "modprobe vmw_vsock_virtio_transport"),
  ];
}

function reason({ message, got }: CaiError): string {
  return got === undefined || message.includes(got) ? message : `${message} (${got})`;
}

function mendOf(name: QuoteSourceName, machine: Machine, error: CaiError): string | undefined {
  if (name === "ioctl") return undefined;
  if (name === "vsock" && error.id === "tdx.qgs-unreachable" && !machine.exists("/etc/tdx-attest.conf")) {
    return "echo 'port = 4050' > /etc/tdx-attest.conf, where the host serves quotes over vsock";
  }
  return error.hint ?? catalogue[error.id].remedy;
}

function quotedIn(quote: Uint8Array): Quoted | undefined {
  const { body } = parseQuote(quote);
  if (body.kind !== "td") return undefined;
  const { tdAttributes, mrConfigId, rtmr0, rtmr1, rtmr2 } = body.report;
  const isZero = (bytes: Uint8Array) => bytes.every((byte) => byte === 0);
  return { debug: tdAttributes[0] !== 0, configured: !isZero(mrConfigId), bootMeasured: ![rtmr0, rtmr1, rtmr2].some(isZero) };
}
