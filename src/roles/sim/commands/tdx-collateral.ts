import { defineVerb, type JsonValue } from "../../../system/index.ts";
import { loadSimulatedTd, platformOf } from "../../../tee/tdx/index.ts";
import { MACHINE_FLAG } from "./tdx-flags.ts";

export default defineVerb({
  path: "sim tdx collateral",
  description:
    "Prints fresh collateral of a simulated TDX machine, as one bundle, good for 30 days. A trustee reads its bundle file again when it changes.",
  positionals: [],
  flags: { machine: MACHINE_FLAG },
  examples: [
    {
      about: "renew the bundle of a running trustee",
      line: "cai sim tdx collateral --machine sim/machine.json > collateral.new && mv collateral.new sim/collateral.json",
    },
    { about: "of another machine", line: "cai sim tdx collateral --machine other/machine.json --json" },
  ],
  async run({ flags, print }) {
    const bundle = platformOf(loadSimulatedTd(flags.machine), Math.floor(Date.now() / 1000)).bundle();
    print(JSON.parse(bundle) as JsonValue, bundle.trimEnd());
  },
});
