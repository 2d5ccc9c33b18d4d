import { defineVerb, formatTable } from "../../../system/index.ts";
import { obtainEvaluationNumbers, rfc3339 } from "../../../tee/tdx/index.ts";
import { collateralAnchors, localAccess, localOrigins, SOURCE_FLAGS } from "../collateral.ts";

export default defineVerb({
  path: "collateral numbers",
  description:
    "Lists the TCB evaluation numbers that collateral can be asked for, with the dates that the manufacturer gives them.\n`cai collateral fetch --update NUMBER` and `cai trustee serve --collateral-update NUMBER` stay with one of them.",
  positionals: [],
  flags: {
    tee: { kind: "text", value: "TEE", oneOf: ["tdx", "sgx"], default: "tdx", about: "tdx or sgx", commandLineOnly: true },
    ...SOURCE_FLAGS,
  },
  examples: [
    { about: "of TDX, at Intel", line: "cai collateral numbers --source intel" },
    { about: "of SGX, at a service of your own", line: "cai collateral numbers --tee sgx --source https://pccs.example:8081" },
  ],
  exits: { 3: "no source has a list that the manufacturer signed", 4: "no source could be reached" },
  async run({ flags, print, signal }) {
    const tee = flags.tee === "sgx" ? "sgx" : "tdx";
    const access = localAccess(flags, { anchors: await collateralAnchors(flags["trust-anchor"]), signal });
    const list = await obtainEvaluationNumbers(await localOrigins(flags.source), tee, access);
    const rows = list.numbers.map(({ number, recoveryEvent, tcbDate }) => ({
      number,
      recovery_event: rfc3339(recoveryEvent),
      tcb_date: rfc3339(tcbDate),
    }));
    const table = rows.map((row) => [`${row.number}`, row.recovery_event.slice(0, 10), row.tcb_date.slice(0, 10)]);
    const { simulated, origin } = list;
    print(
      { tee, simulated, origin, issued: rfc3339(list.issued), next_update: rfc3339(list.nextUpdate), numbers: rows },
      formatTable([["NUMBER", "MADE KNOWN", "TCB DATE"], ...table]),
    );
  },
});
