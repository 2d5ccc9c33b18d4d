import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { decodeHex, encodeHex } from "../../../crypto/index.ts";
import { CaiError, defineVerb, type JsonValue } from "../../../system/index.ts";
import { parseEventLog, SHA384, unprovedLabels } from "../../../tee/eventlog/index.ts";
import { createSimulatedTd, loadSimulatedTd, platformOf, type SimulatedTd, saveSimulatedTd } from "../../../tee/tdx/index.ts";

const SEED_BYTES = 32;

export default defineVerb({
  path: "sim tdx init",
  description:
    "Makes a simulated Intel TDX machine: its state, and what a trustee needs to verify it: trust anchor, collateral, reference values.\nIts quotes are byte-exact and go through the same verifier as real ones, under a root of its own. It protects nothing: it is for trying out.",
  positionals: [],
  flags: {
    out: {
      kind: "text",
      value: "DIR",
      default: "./sim",
      about: "where to write machine.json, anchor.pem, collateral.json and reference.json",
    },
    seed: { kind: "text", value: "HEX", about: "32 bytes that everything follows from; random by default", commandLineOnly: true },
    like: {
      kind: "text",
      value: "FILE",
      about: "the same machine as in this file, so with its anchor and collateral; only the software differs",
      commandLineOnly: true,
    },
    software: {
      kind: "text",
      value: "NAME",
      default: "reference",
      about: "what runs in the machine: another name is measured otherwise",
      commandLineOnly: true,
    },
    debug: { kind: "switch", about: "a debug machine, into which the host can look", commandLineOnly: true },
    "quote-version": { kind: "number", value: "4|5", min: 4, max: 5, default: 4, about: "the version of its quotes" },
  },
  examples: [
    { about: "a machine in ./sim", line: "cai sim tdx init" },
    {
      about: "the same machine with other software, which a policy for the first refuses",
      line: 'cai sim tdx init --out ./tampered --like sim/machine.json --software "patched kernel"',
    },
  ],
  async run({ flags, print }) {
    const files = pathsIn(flags.out);
    const existing = Object.values(files).find((path) => existsSync(path));
    if (existing !== undefined) throw new CaiError("cli.output-exists", `${existing} exists already`, { hint: "choose another --out" });
    const td = makeMachine(flags);
    const platform = platformOf(td, Math.floor(Date.now() / 1000));
    try {
      mkdirSync(flags.out, { recursive: true });
      writeFileSync(files.anchor, platform.anchorPem);
      writeFileSync(files.collateral, platform.bundle());
      writeFileSync(files.reference, `${JSON.stringify(referencesOf(td), null, 2)}\n`);
    } catch (error) {
      throw new CaiError("cli.output-failed", `cannot write to ${flags.out}`, {
        got: (error as NodeJS.ErrnoException).code ?? String(error),
      });
    }
    saveSimulatedTd(files.machine, td);
    const lines = [
      `made a simulated TDX machine in ${flags.out}`,
      `  ${files.machine}      for agents: --simulated-tdx (keep it private: it can sign quotes)`,
      `  ${files.anchor}        for the trustee: --trust-anchor`,
      `  ${files.collateral}   for the trustee: --collateral (good for 30 days, then \`cai sim tdx collateral\`)`,
      `  ${files.reference}    for its policies: cai reference set --file`,
    ];
    print(
      {
        ...files,
        simulated: true,
        mr_td: encodeHex(td.mrTd),
        ...Object.fromEntries(td.rtmrs.map((rtmr, i) => [`rtmr_${i}`, encodeHex(rtmr)])),
      },
      lines.join("\n"),
    );
  },
});

function pathsIn(folder: string) {
  return {
    machine: join(folder, "machine.json"),
    anchor: join(folder, "anchor.pem"),
    collateral: join(folder, "collateral.json"),
    reference: join(folder, "reference.json"),
  };
}

function makeMachine(flags: {
  seed: string | undefined;
  like: string | undefined;
  software: string;
  debug: boolean;
  "quote-version": number;
}): SimulatedTd {
  if (flags.seed !== undefined && flags.like !== undefined)
    throw new CaiError("cli.usage", "--seed and --like exclude each other", { hint: "cai sim tdx init --help" });
  const settings = { software: flags.software, debug: flags.debug, quoteVersion: flags["quote-version"] === 5 ? 5 : 4 } as const;
  if (flags.like !== undefined) {
    const { seed, created } = loadSimulatedTd(flags.like);
    return createSimulatedTd({ ...settings, seed, now: created });
  }
  const seed = flags.seed === undefined ? randomBytes(SEED_BYTES) : parseSeed(flags.seed);
  return createSimulatedTd({ ...settings, seed, now: Math.floor(Date.now() / 1000) });
}

function parseSeed(text: string): Uint8Array {
  if (/^[0-9a-f]{64}$/.test(text)) return decodeHex(text);
  throw new CaiError("cli.setting-invalid", "--seed has another form", {
    expected: "64 lower-case hex digits",
    got: `${text.length} characters`,
  });
}

/** The boot measurements, whole and by part. RTMR3 is left out: it tells what happens at run time. */
function referencesOf(td: SimulatedTd): Record<string, JsonValue> {
  const registers = td.rtmrs.slice(0, 3).map((rtmr, i) => [`tdx.rtmr_${i}`, [encodeHex(rtmr)]] as const);
  // The names of a log are nothing to believe, except of a log that was made here a moment ago.
  const parts = td.log === undefined ? {} : unprovedLabels(parseEventLog(td.log.boot), SHA384);
  const named = Object.entries(parts).map(([part, digests]) => [`measurement.${part}.SHA-384`, digests] as const);
  return { "tdx.mr_td": [encodeHex(td.mrTd)], ...Object.fromEntries(registers), ...Object.fromEntries(named) };
}
