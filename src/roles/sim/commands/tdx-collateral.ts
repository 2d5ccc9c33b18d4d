import { defineVerb, type JsonValue } from "../../../system/index.ts";
import { loadSimulatedTd, platformOf } from "../../../tee/tdx/index.ts";
import { MACHINE_FLAG } from "./tdx-flags.ts";
import { COLLATERAL_KNOBS, collateralKnobs, TEE_FLAG } from "./tdx-knobs.ts";

export default defineVerb({
  path: "sim tdx collateral",
  description:
    "Prints fresh collateral of a simulated TDX machine, as one bundle, good for 30 days. A trustee reads its bundle file again when it changes.",
  positionals: [],
  flags: { machine: MACHINE_FLAG, tee: TEE_FLAG, ...COLLATERAL_KNOBS },
  examples: [
    {
      about: "renew the bundle of a running trustee",
      line: "cai sim tdx collateral --machine sim/machine.json > collateral.new && mv collateral.new sim/collateral.json",
    },
    {
      about: "as if the machine's firmware were out of date, and its TDX module revoked",
      line: "cai sim tdx collateral --platform-status OutOfDate --module-status Revoked > collateral.json",
    },
    { about: "of another machine", line: "cai sim tdx collateral --machine other/machine.json --json" },
  ],
  async run({ flags, print }) {
    const platform = platformOf(loadSimulatedTd(flags.machine), Math.floor(Date.now() / 1000), collateralKnobs(flags));
    const bundle = platform.bundle(flags.tee === "sgx" ? "sgx" : "tdx");
    print(JSON.parse(bundle) as JsonValue, bundle.trimEnd());
  },
});
