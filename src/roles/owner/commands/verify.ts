import { defineVerb } from "../../../system/index.ts";
import { coloursFor } from "../colours.ts";
import { readSource } from "../source.ts";
import { readDemands, VERIFY_FLAGS } from "../verify/demands.ts";
import { MAX_EVIDENCE } from "../verify/evidence-input.ts";
import { judge } from "../verify/judgement.ts";
import { judgementJson } from "../verify/judgement-json.ts";
import { judgementText } from "../verify/judgement-text.ts";

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
  flags: VERIFY_FLAGS,
  examples: [
    { about: "a quote, with what its manufacturer says about the machine now", line: "cai verify quote.bin" },
    { about: "with collateral from a file, and no network", line: "cai verify quote.bin --collateral collateral.json" },
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
  exits: {
    0: "accepted",
    2: "wrong usage, or an input that cannot be read",
    3: "rejected",
    4: "no source of collateral, or of the evidence, could be reached",
  },
  async run({ positionals: [source], flags, print, signal }) {
    const demands = await readDemands(source, flags, Math.floor(Date.now() / 1000), signal);
    const judgement = await judge(await readSource(source, MAX_EVIDENCE, signal), demands);
    print(judgementJson(judgement), judgementText(judgement, coloursFor(process.stdout, process.env)));
    if (judgement.error !== undefined) throw judgement.error;
  },
});
