import { decodeHex } from "../../../crypto/index.ts";
import { CaiError, type FlagSpec, type FlagValues } from "../../../system/index.ts";
import type { SimulatedEnclaveOptions, SimulatedKnobs, SimulatedQuoteOptions } from "../../../tee/tdx/index.ts";

const COMPONENTS = 16;

const text = (value: string, about: string) => ({ kind: "text", value, about, commandLineOnly: true }) as const;

export const TEE_FLAG = {
  kind: "text",
  value: "tdx|sgx",
  default: "tdx",
  oneOf: ["tdx", "sgx"],
  about: "of a TD, or of an enclave on the same machine",
  commandLineOnly: true,
} as const satisfies FlagSpec;

/** How a quote can differ from that of an up-to-date machine (tdx.md §5.3). */
export const QUOTE_KNOBS = {
  "quote-version": { kind: "number", value: "3|4|5", min: 3, max: 5, about: "default: the machine's; for SGX 3", commandLineOnly: true },
  "body-type": {
    kind: "number",
    value: "2|3|4",
    min: 2,
    max: 4,
    about: "of a TD's quote of version 5: a report of TDX 1.0, 1.5 (default), or 1.5 extended",
    commandLineOnly: true,
  },
  components: text("N,N,…", "security versions of up to 16 SGX components, the rest 0; default eight times 3"),
  "pce-svn": { kind: "number", value: "N", min: 0, max: 65_535, about: "security version of the PCE; default 13", commandLineOnly: true },
  "qe-svn": {
    kind: "number",
    value: "N",
    min: 0,
    max: 65_535,
    about: "security version of the quoting enclave; default 6",
    commandLineOnly: true,
  },
  "qe-attributes": text("HEX", "attributes of the quoting enclave, 16 bytes; 02 in the first is DEBUG"),
  "tee-tcb-svn": text("HEX", "up to 16 bytes: minor and major version of the TDX module, late microcode; default 070104"),
  "tee-tcb-svn2": text("HEX", "the same of the module that runs now (TDX 1.5); default: as at launch"),
  "seam-attributes": text("HEX", "attributes of the TDX module, up to 8 bytes; default zero"),
  "mr-service-td": text("HEX", "hash over bound service TDs (TDX 1.5), up to 48 bytes; default zero"),
} as const satisfies Record<string, FlagSpec>;

/** How collateral can differ from that of an up-to-date platform (tdx.md §5.3). */
export const COLLATERAL_KNOBS = {
  "platform-status": text("STATUS[,STATUS]", "statuses of the platform's first and second level; default UpToDate,OutOfDate"),
  "module-status": text("STATUS[,STATUS]", "the same of the TDX module"),
  "qe-status": text("STATUS[,STATUS]", "the same of the quoting enclave"),
  revoked: text("NAME,…", "what the revocation lists name, of: pck, intermediate, tcb-signing"),
  "valid-for": {
    kind: "number",
    value: "SECONDS",
    min: -86_400 * 365,
    max: 86_400 * 365,
    about: "how long it is good; below zero it is past already; default 30 days",
    commandLineOnly: true,
  },
  "evaluation-numbers": text("N[,N]", "of the TCB info and of the QE identity; default 20,20"),
} as const satisfies Record<string, FlagSpec>;

type QuoteFlags = FlagValues<typeof QUOTE_KNOBS>;

/** What the machine itself is made with. @throws CaiError `cli.setting-invalid` */
export function machineKnobs(flags: QuoteFlags): Partial<SimulatedKnobs> {
  const { components } = flags;
  const attributes = bytesOf(flags, "qe-attributes", 16);
  return {
    ...(components !== undefined && { components: readComponents(components) }),
    ...(flags["pce-svn"] !== undefined && { pceSvn: flags["pce-svn"] }),
    ...(flags["qe-svn"] !== undefined && { qeSvn: flags["qe-svn"] }),
    ...(attributes !== undefined && { qeAttributes: filled(attributes, 16) }),
  };
}

/** What a TD's quote says besides. @throws CaiError `cli.setting-invalid` */
export function quoteKnobs(flags: QuoteFlags): Omit<SimulatedQuoteOptions, "reportData"> {
  const version = flags["quote-version"];
  const bodyType = flags["body-type"];
  if (version === 3) throw invalid("quote-version", "4 or 5 for a TD", "3");
  const members = {
    teeTcbSvn: bytesOf(flags, "tee-tcb-svn", 16),
    teeTcbSvn2: bytesOf(flags, "tee-tcb-svn2", 16),
    seamAttributes: bytesOf(flags, "seam-attributes", 8),
    mrServiceTd: bytesOf(flags, "mr-service-td", 48),
    version: version as 4 | 5 | undefined,
    bodyType: bodyType as 2 | 3 | 4 | undefined,
  };
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
}

/** The version of an enclave's quote. */
export const enclaveKnobs = (flags: QuoteFlags): Pick<SimulatedEnclaveOptions, "version"> =>
  flags["quote-version"] === undefined ? {} : { version: flags["quote-version"] as 3 | 4 | 5 };

/** @throws CaiError `cli.setting-invalid` */
export function collateralKnobs(flags: FlagValues<typeof COLLATERAL_KNOBS>): Partial<SimulatedKnobs> {
  const { revoked } = flags;
  const statuses = (name: "platform-status" | "module-status" | "qe-status"): readonly [string, string] | undefined => {
    const [first, second = "OutOfDate", ...more] = flags[name]?.split(",") ?? [];
    if (first === undefined) return undefined;
    if (more.length > 0) throw invalid(name, "one or two statuses", `${more.length + 2}`);
    return [first, second];
  };
  const members = {
    platformStatus: statuses("platform-status"),
    moduleStatus: statuses("module-status"),
    qeStatus: statuses("qe-status"),
    revoked: revoked?.split(",").map(readRevoked),
    window: flags["valid-for"],
    evaluationNumbers: readEvaluationNumbers(flags["evaluation-numbers"]),
  };
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
}

function readComponents(list: string): number[] {
  const numbers = list.split(",").map((each) => (/^\d{1,3}$/.test(each) ? Number(each) : Number.NaN));
  if (numbers.length > COMPONENTS || !numbers.every((each) => each <= 255))
    throw invalid("components", "up to 16 numbers of 0 to 255", list);
  return [...numbers, ...Array<number>(COMPONENTS - numbers.length).fill(0)];
}

function readEvaluationNumbers(list: string | undefined): readonly [number, number] | undefined {
  if (list === undefined) return undefined;
  const [, first, second = first] = /^(\d{1,9})(?:,(\d{1,9}))?$/.exec(list) ?? [];
  if (first === undefined) throw invalid("evaluation-numbers", "one or two numbers", list);
  return [Number(first), Number(second)];
}

function readRevoked(name: string): SimulatedKnobs["revoked"][number] {
  if (name === "pck" || name === "intermediate" || name === "tcb-signing") return name;
  throw invalid("revoked", "pck, intermediate or tcb-signing", name);
}

function bytesOf<Name extends string>(flags: Readonly<Record<Name, unknown>>, name: Name, most: number): Uint8Array | undefined {
  const given = flags[name];
  if (typeof given !== "string") return undefined;
  if (!/^(?:[0-9a-f]{2})*$/i.test(given) || given.length > most * 2)
    throw invalid(name, `up to ${most} bytes in hex`, `${given.length} characters`);
  return decodeHex(given);
}

function filled(bytes: Uint8Array, size: number): Uint8Array {
  const out = new Uint8Array(size);
  out.set(bytes);
  return out;
}

const invalid = (flag: string, expected: string, got: string): CaiError =>
  new CaiError("cli.setting-invalid", `--${flag}: expected ${expected}, got ${got}`, { expected, got });
