import { basename } from "node:path";
import { HASH_ALGORITHMS, type HashAlgorithm, readInitData, readRuntimeData, reportDataOf } from "../../../protocol/index.ts";
import { CaiError, type FlagSpec, type JsonObject, nearest } from "../../../system/index.ts";
import { MAX_LOG_BYTES } from "../../../tee/eventlog/index.ts";
import { anchorByName, builtInAnchors, MAX_COLLATERAL_FILE, TCB_STATUS_CODES, type TcbStatus } from "../../../tee/tdx/index.ts";
import { SOURCE_FLAGS } from "../collateral.ts";
import { readInput } from "../input.ts";
import { parseReferences } from "../references.ts";
import { type CollateralSettings, collateralOfFile, collateralOfServices } from "./collateral-choice.ts";
import type { Demands } from "./judgement.ts";
import { parseTime } from "./time.ts";

const MAX_FILE = 4 * 1024 * 1024;
const MAX_POLICY = 1024 * 1024;
const REPORT_DATA_BYTES = 64;

const file = (about: string) => ({ kind: "text", value: "FILE", about, commandLineOnly: true }) as const;

/** What evidence is verified with and held against, on the command line. */
export const VERIFY_FLAGS = {
  collateral: file("what the manufacturer says about the platform, as `cai collateral fetch` saves it; without a file, it is fetched"),
  "collateral-source": {
    kind: "text",
    value: "LIST",
    about:
      "where it is fetched, in this order: intel, alibaba, alibaba:REGION, http(s) addresses, files; by default what this machine is set up for, else intel",
    commandLineOnly: true,
  },
  "collateral-source-ca": SOURCE_FLAGS["source-ca"],
  "collateral-update": {
    kind: "text",
    value: "EDITION",
    default: "standard",
    about: "what is fetched: standard, early, or a TCB evaluation number",
    commandLineOnly: true,
  },
  "collateral-timeout": SOURCE_FLAGS.timeout,
  "pck-chain": file("certificates of the machine (PEM: leaf, intermediate, root), for quotes that carry none"),
  at: {
    kind: "text",
    value: "TIME",
    about: "judge as of then: RFC 3339, a day, or seconds since 1970; default now",
    commandLineOnly: true,
  },
  "report-data": {
    kind: "text",
    value: "HEX",
    about: "the report data that the evidence must carry: up to 64 bytes, zero-filled at the end",
    commandLineOnly: true,
  },
  "runtime-data": file("a JSON object whose digest must be the report data, as for `cai agent evidence`"),
  hash: {
    kind: "text",
    value: HASH_ALGORITHMS.join("|"),
    default: "sha384",
    oneOf: HASH_ALGORITHMS,
    about: "how runtime data is hashed",
    commandLineOnly: true,
  },
  "init-data": file("the init data (TOML) that the machine must have started with"),
  "event-log": file("the machine's event log (CCEL), where it is not in the evidence; it must lead to the registers"),
  "trust-anchor": {
    kind: "list",
    value: "FILE",
    about: "a root certificate to trust besides the built-in ones: a simulated platform's, or one of those",
    commandLineOnly: true,
  },
  "only-anchor": { kind: "switch", about: "trust the named roots and no other", commandLineOnly: true },
  "allow-simulated": { kind: "switch", about: "take evidence of a simulated platform", commandLineOnly: true },
  "accept-status": {
    kind: "text",
    value: "STATUS,…",
    about: "TCB statuses to take besides UpToDate, for example SWHardeningNeeded,ConfigurationNeeded",
    commandLineOnly: true,
  },
  policy: file("a Rego attestation policy that must affirm the evidence, and judges TCB status and reference values then"),
  references: file("reference values (JSON: name to array of allowed values) to compare the measurements with"),
} as const satisfies Record<string, FlagSpec>;

/** The values of those flags. */
export interface VerifySettings
  extends Readonly<Record<FileFlag | "at" | "report-data" | "accept-status", string | undefined>>,
    CollateralSettings {
  readonly hash: string;
  readonly "trust-anchor": readonly string[];
  readonly "only-anchor": boolean;
  readonly "allow-simulated": boolean;
}

const FILE_FLAGS = ["collateral", "pck-chain", "runtime-data", "init-data", "event-log", "policy", "references"] as const;
type FileFlag = (typeof FILE_FLAGS)[number];

/**
 * Reads everything that the flags name.
 *
 * @param source  where the evidence comes from
 * @param now     seconds since 1970, for where no time is given
 * @param signal  ends what is being fetched
 * @throws CaiError `cli.usage`, `cli.setting-invalid`, `cli.input-unreadable`, `tdx.collateral-malformed`, `tdx.anchor-refused`
 */
export async function readDemands(source: string, settings: VerifySettings, now: number, signal: AbortSignal): Promise<Demands> {
  const fromInput = [source, ...FILE_FLAGS.map((flag) => settings[flag]), ...settings["trust-anchor"]];
  if (fromInput.filter((each) => each === "-").length > 1) throw usage("standard input can be read once only");
  if (settings.collateral !== undefined && settings["collateral-source"] !== undefined) {
    throw usage("--collateral and --collateral-source exclude each other");
  }
  const at = settings.at === undefined ? now : parseTime(settings.at);
  const acceptStatus = settings["accept-status"] === undefined ? undefined : parseStatuses(settings["accept-status"]);
  const read = (flag: FileFlag): Promise<string> | undefined => {
    const path = settings[flag];
    return path === undefined ? undefined : readText(path, flag === "policy" ? MAX_POLICY : MAX_FILE);
  };
  const anchors = await readAnchors(settings["trust-anchor"], settings["only-anchor"]);
  const collateral =
    settings.collateral === undefined
      ? await collateralOfServices(settings, anchors, at, signal)
      : collateralOfFile(await readText(settings.collateral, MAX_COLLATERAL_FILE));
  const pckChain = (await read("pck-chain")) ?? collateral.pckChain;
  const runtimeText = await read("runtime-data");
  const runtimeData = runtimeText === undefined ? undefined : readRuntimeData(runtimeText, settings["runtime-data"]!);
  const reportData = readReportData(settings["report-data"], runtimeData, settings.hash as HashAlgorithm);
  const initText = await read("init-data");
  const eventLog = settings["event-log"] === undefined ? undefined : await readInput(settings["event-log"], MAX_LOG_BYTES);
  const policyText = await read("policy");
  const referenceText = await read("references");
  return {
    now: at,
    anchors,
    collateral: collateral.source,
    allowSimulated: settings["allow-simulated"],
    ...(pckChain !== undefined && { pckChain }),
    ...(reportData && { reportData }),
    ...(runtimeData && { runtimeData }),
    ...(initText !== undefined && { initData: parseInitData(initText, settings["init-data"]!) }),
    ...(eventLog && { eventLog }),
    ...(acceptStatus && { acceptStatus }),
    ...(policyText !== undefined && { policy: { name: basename(settings.policy!), text: policyText } }),
    ...(referenceText !== undefined && { references: parseReferences(referenceText, settings.references!) }),
  };
}

async function readAnchors(paths: readonly string[], only: boolean): Promise<Demands["anchors"]> {
  if (only && paths.length === 0) throw usage("--only-anchor leaves no root to trust", "--trust-anchor FILE besides it");
  const named = await Promise.all(paths.map(async (path) => anchorByName(await readInput(path, MAX_FILE))));
  return only ? named : [...builtInAnchors(), ...named];
}

function readReportData(hex: string | undefined, runtimeData: JsonObject | undefined, hash: HashAlgorithm): Uint8Array | undefined {
  if (hex !== undefined && runtimeData !== undefined) throw usage("--report-data and --runtime-data exclude each other");
  if (runtimeData !== undefined) return reportDataOf(runtimeData, hash);
  if (hex === undefined) return undefined;
  if (!/^(?:[0-9a-f]{2}){1,64}$/i.test(hex)) {
    throw new CaiError("cli.setting-invalid", "--report-data is no hexadecimal of 1 to 64 bytes", { got: `${hex.length} characters` });
  }
  const reportData = new Uint8Array(REPORT_DATA_BYTES);
  reportData.setFromHex(hex);
  return reportData;
}

function parseStatuses(text: string): TcbStatus[] {
  // A revoked platform is refused by its verifier, so nobody can take one.
  const known = Object.keys(TCB_STATUS_CODES).filter((name) => name !== "Revoked");
  return text.split(",").map((word) => {
    const status = word.trim();
    if (known.includes(status)) return status as TcbStatus;
    const expected = nearest(status, known) ?? known.join(", ");
    throw new CaiError("cli.setting-invalid", `--accept-status cannot be ${JSON.stringify(status)}`, { expected, got: status });
  });
}

async function readText(path: string, limit: number): Promise<string> {
  const bytes = await readInput(path, limit);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new CaiError("cli.input-unreadable", `${path} is no UTF-8 text`);
  }
}

/** Here the user brings it to compare with, so a wrong form is no verdict on the evidence. */
function parseInitData(text: string, name: string): NonNullable<Demands["initData"]> {
  try {
    return readInitData(text);
  } catch (error) {
    const { expected, got } = CaiError.from(error);
    throw new CaiError("cli.input-unreadable", `${name} holds no init data`, {
      ...(expected !== undefined && { expected }),
      ...(got !== undefined && { got }),
    });
  }
}

function usage(message: string, expected?: string): CaiError {
  return new CaiError("cli.usage", message, { ...(expected !== undefined && { expected }), hint: "cai verify --help" });
}
