import { basename } from "node:path";
import { HASH_ALGORITHMS, type HashAlgorithm, readInitData, reportDataOf } from "../../../protocol/index.ts";
import { CaiError, defineVerb, type JsonObject, nearest } from "../../../system/index.ts";
import { anchorByName, builtInAnchors, parseBundle, TCB_STATUS_CODES, type TcbStatus } from "../../../tee/tdx/index.ts";
import { coloursFor } from "../colours.ts";
import { readInput } from "../input.ts";
import { parseReferences } from "../references.ts";
import { readSource } from "../source.ts";
import { MAX_EVIDENCE } from "../verify/evidence-input.ts";
import { type Demands, judge } from "../verify/judgement.ts";
import { judgementJson } from "../verify/judgement-json.ts";
import { judgementText } from "../verify/judgement-text.ts";
import { parseTime } from "../verify/time.ts";

const MAX_FILE = 4 * 1024 * 1024;
const MAX_POLICY = 1024 * 1024;
const REPORT_DATA_BYTES = 64;

export default defineVerb({
  path: "verify",
  description:
    "Verifies evidence of a TEE (Intel TDX and SGX quotes) on this machine, and says what was checked, expected and found, the verdict last.\nAccepted means authentic, current and up to date in its manufacturer's words; what that proves about the software is the assurance level.",
  positionals: [
    {
      name: "EVIDENCE",
      about: "a quote (raw, hexadecimal, base64) or an attester's JSON: a file, an http(s) URL, or `-` for standard input",
    },
  ],
  flags: {
    collateral: {
      kind: "text",
      value: "FILE",
      about: "collateral bundle of the platform; `-` reads standard input",
      commandLineOnly: true,
    },
    "pck-chain": {
      kind: "text",
      value: "FILE",
      about: "certificates of the machine (PEM: leaf, intermediate, root), for quotes that carry none",
      commandLineOnly: true,
    },
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
    "runtime-data": {
      kind: "text",
      value: "FILE",
      about: "a JSON object whose digest must be the report data, as for `cai agent evidence`",
      commandLineOnly: true,
    },
    hash: {
      kind: "text",
      value: "NAME",
      default: "sha384",
      oneOf: HASH_ALGORITHMS,
      about: "how runtime data is hashed",
      commandLineOnly: true,
    },
    "init-data": {
      kind: "text",
      value: "FILE",
      about: "the init data (TOML) that the machine must have started with",
      commandLineOnly: true,
    },
    "trust-anchor": {
      kind: "list",
      value: "FILE",
      about: "a root certificate to trust besides the built-in ones; it must be a simulated platform's, or one of those",
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
    policy: {
      kind: "text",
      value: "FILE",
      about: "a Rego attestation policy that must affirm the evidence, and judges TCB status and reference values then",
      commandLineOnly: true,
    },
    references: {
      kind: "text",
      value: "FILE",
      about: "reference values (JSON: name to array of allowed values) to compare the measurements with",
      commandLineOnly: true,
    },
  },
  examples: [
    { about: "a quote, with collateral from a file", line: "cai verify quote.bin --collateral collateral.json" },
    {
      about: "that the evidence was made for this nonce or key",
      line: `cai verify evidence.json --collateral collateral.json --report-data ${"5a".repeat(32)}`,
    },
    {
      about: "a simulated machine made by `cai sim tdx init`, and whether its measurements are the expected ones",
      line: "cai verify evidence.json --collateral sim/collateral.json --trust-anchor sim/anchor.pem --allow-simulated --references sim/reference.json",
    },
    {
      about: "as it was judged last year, for a program",
      line: "cai verify quote.bin --collateral old.json --at 2025-06-25T00:00:00Z --accept-status OutOfDate --json",
    },
  ],
  exits: { 0: "accepted", 2: "wrong usage, or an input that cannot be read", 3: "rejected" },
  async run({ positionals: [source], flags, print, signal }) {
    const fromStdin = [
      source,
      flags.collateral,
      flags["pck-chain"],
      flags["runtime-data"],
      flags["init-data"],
      flags.policy,
      flags.references,
    ];
    if (fromStdin.filter((each) => each === "-").length > 1) throw usage("standard input can be read once only");
    const demands = await readDemands(flags);
    const judgement = await judge(await readSource(source, MAX_EVIDENCE, signal), demands);
    print(judgementJson(judgement), judgementText(judgement, coloursFor(process.stdout, process.env)));
    if (judgement.error !== undefined) throw judgement.error;
  },
});

interface Flags {
  readonly collateral: string | undefined;
  readonly "pck-chain": string | undefined;
  readonly at: string | undefined;
  readonly "report-data": string | undefined;
  readonly "runtime-data": string | undefined;
  readonly hash: string;
  readonly "init-data": string | undefined;
  readonly "trust-anchor": readonly string[];
  readonly "only-anchor": boolean;
  readonly "allow-simulated": boolean;
  readonly "accept-status": string | undefined;
  readonly policy: string | undefined;
  readonly references: string | undefined;
}

async function readDemands(flags: Flags): Promise<Demands> {
  const now = flags.at === undefined ? Math.floor(Date.now() / 1000) : parseTime(flags.at);
  if (flags.collateral === undefined) throw usage("there is no collateral to judge the platform by", "--collateral FILE");
  const collateral = parseBundle(await readText(flags.collateral, MAX_FILE));
  const named = flags["pck-chain"] === undefined ? undefined : await readText(flags["pck-chain"], MAX_FILE);
  const pckChain = named ?? collateral.pckCertificateChain;
  const runtimeData =
    flags["runtime-data"] === undefined ? undefined : parseObject(await readText(flags["runtime-data"], MAX_FILE), flags["runtime-data"]);
  const reportData = readReportData(flags["report-data"], runtimeData, flags.hash as HashAlgorithm);
  const initData = flags["init-data"] === undefined ? undefined : readInitData(await readText(flags["init-data"], MAX_FILE));
  const acceptStatus = flags["accept-status"] === undefined ? undefined : parseStatuses(flags["accept-status"]);
  const policy = flags.policy === undefined ? undefined : { name: basename(flags.policy), text: await readText(flags.policy, MAX_POLICY) };
  const references =
    flags.references === undefined ? undefined : parseReferences(await readText(flags.references, MAX_FILE), flags.references);
  return {
    now,
    anchors: await readAnchors(flags["trust-anchor"], flags["only-anchor"]),
    collateral: () => collateral,
    allowSimulated: flags["allow-simulated"],
    ...(pckChain !== undefined && { pckChain }),
    ...(reportData && { reportData }),
    ...(runtimeData && { runtimeData }),
    ...(initData && { initData }),
    ...(acceptStatus && { acceptStatus }),
    ...(policy && { policy }),
    ...(references && { references }),
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
  return text.split(",").map((word) => {
    const status = word.trim();
    // A revoked platform is refused by its verifier, so nobody can take one.
    const known = Object.keys(TCB_STATUS_CODES).filter((name) => name !== "Revoked");
    if (known.includes(status)) return status as TcbStatus;
    const near = nearest(status, known);
    throw new CaiError("cli.setting-invalid", `--accept-status cannot be ${JSON.stringify(status)}`, {
      expected: near ?? known.join(", "),
      got: status,
    });
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

function parseObject(text: string, name: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as JsonObject;
  throw new CaiError("cli.input-unreadable", `${name} holds no runtime data`, { expected: "a JSON object" });
}

function usage(message: string, expected?: string): CaiError {
  return new CaiError("cli.usage", message, { ...(expected !== undefined && { expected }), hint: "cai verify --help" });
}
