import { decodeHex, encodeHex } from "../../../crypto/index.ts";
import { CaiError, defineVerb } from "../../../system/index.ts";
import { loadSimulatedTd, platformOf } from "../../../tee/tdx/index.ts";
import { MACHINE_FLAG } from "./tdx-flags.ts";
import { enclaveKnobs, machineKnobs, QUOTE_KNOBS, quoteKnobs, TEE_FLAG } from "./tdx-knobs.ts";

const REPORT_DATA_BYTES = 64;

export default defineVerb({
  path: "sim tdx quote",
  description:
    "Writes a quote of a simulated TDX machine over report data of your choice to standard output, as binary (with --json: in hex).",
  positionals: [],
  flags: {
    machine: MACHINE_FLAG,
    "report-data": { kind: "text", value: "HEX", required: true, about: "up to 64 bytes, zero-filled at the end", commandLineOnly: true },
    tee: TEE_FLAG,
    ...QUOTE_KNOBS,
  },
  examples: [
    { about: "a quote in a file", line: "cai sim tdx quote --report-data 00 > quote.bin" },
    {
      about: "of a machine whose TDX module was updated under a running TD",
      line: "cai sim tdx quote --report-data 00 --quote-version 5 --tee-tcb-svn 050104 --tee-tcb-svn2 070104 > quote.bin",
    },
    { about: "in hex", line: "cai sim tdx quote --machine sim/machine.json --report-data 00 --json" },
  ],
  async run({ flags, json, print }) {
    const bytes = parseReportData(flags["report-data"]);
    const reportData = new Uint8Array(REPORT_DATA_BYTES);
    reportData.set(bytes);
    const td = loadSimulatedTd(flags.machine);
    const platform = platformOf(td, td.created, machineKnobs(flags));
    const { mrTd, rtmrs, mrConfigId, tdAttributes, quoteVersion: version } = td;
    const quote =
      flags.tee === "sgx"
        ? platform.enclaveQuote({ reportData, ...enclaveKnobs(flags) })
        : platform.quote({ reportData, mrTd, rtmrs, mrConfigId, tdAttributes, version, ...quoteKnobs(flags) });
    if (json) print({ quote: encodeHex(quote), simulated: true }, "");
    else await Bun.write(Bun.stdout, quote);
  },
});

function parseReportData(text: string): Uint8Array {
  if (/^([0-9a-f]{2}){0,64}$/i.test(text)) return decodeHex(text.toLowerCase());
  throw new CaiError("cli.setting-invalid", "--report-data has another form", {
    expected: "up to 128 hex digits",
    got: `${text.length} characters`,
  });
}
