import { defineVerb } from "../../../system/index.ts";
import { parseCollateralSummaries } from "../../../tee/tdx/index.ts";
import { summaryTable } from "../collateral.ts";
import { readInput } from "../input.ts";
import { ADMIN_FLAGS, connectAdmin } from "../trustee-admin.ts";

/** What a trustee takes at a time. */
const MAX_FILE = 4 * 1024 * 1024;

export default defineVerb({
  path: "collateral import",
  description:
    "Gives a trustee a file of collateral to keep: one of `cai collateral fetch` or `export`, a bundle of other tools, or the file of the PCCS administration tool.\nThe trustee takes all of it or none: each set must be signed by the manufacturer and not older than what it saw before.",
  positionals: [{ name: "FILE", about: "the file; `-` reads standard input" }],
  flags: ADMIN_FLAGS,
  examples: [
    { about: "on this machine", line: "cai collateral import collateral.json --admin-key cai-trustee/admin.key" },
    {
      about: "on another",
      line: "cai collateral import collateral.json --trustee https://trustee.example:8443 --admin-key admin.key",
    },
  ],
  exits: { 3: "the file is older than what the trustee saw, is not signed by the manufacturer, or the trustee refused the request" },
  async run({ positionals: [path], flags, print, signal }) {
    const body = await readInput(path, MAX_FILE);
    const admin = await connectAdmin(flags, signal);
    const rows = parseCollateralSummaries(await admin.call({ method: "POST", path: "cai/collateral", body }));
    print({ imported: rows }, `imported ${rows.length} set${rows.length === 1 ? "" : "s"}\n${summaryTable(rows)}`);
  },
});
