import { defineVerb } from "../../../system/index.ts";
import { loadSimulatedTd, platformOf } from "../../../tee/tdx/index.ts";
import { MACHINE_FLAG } from "./tdx-flags.ts";

export default defineVerb({
  path: "sim tdx anchor",
  description:
    "Prints the root certificate of a simulated TDX machine (PEM). A trustee takes it only where its operator names it, in a simulated store.",
  positionals: [],
  flags: { machine: MACHINE_FLAG },
  examples: [
    { about: "for a trustee", line: "cai sim tdx anchor --machine sim/machine.json > anchor.pem" },
    { about: "for a program", line: "cai sim tdx anchor --json" },
  ],
  async run({ flags, print }) {
    const pem = platformOf(loadSimulatedTd(flags.machine)).anchorPem;
    print({ anchor: pem, simulated: true }, pem.trimEnd());
  },
});
