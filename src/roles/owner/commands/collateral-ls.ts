import { CaiError, defineVerb } from "../../../system/index.ts";
import { MAX_COLLATERAL_FILE, parseCollateralFile, parseCollateralSummaries, summarizeCollateral } from "../../../tee/tdx/index.ts";
import { ANCHOR_FLAG, checkSets, collateralAnchors, now, summaryTable } from "../collateral.ts";
import { readInput } from "../input.ts";
import { ADMIN_FLAGS, connectAdmin } from "../trustee-admin.ts";

const { required: _, ...adminKey } = ADMIN_FLAGS["admin-key"];

export default defineVerb({
  path: "collateral ls",
  description:
    "Lists the collateral that a trustee keeps, or that a file holds: for which platforms, of which TCB evaluation number, how old, and until when it is good.\nWhat is listed of a file was verified as signed by the manufacturer; sets that are not are named with the reason.",
  positionals: [
    { name: "FILE", about: "a file of collateral; without it, what a trustee keeps; `-` reads standard input", optional: true },
  ],
  flags: { ...ADMIN_FLAGS, "admin-key": adminKey, "trust-anchor": ANCHOR_FLAG },
  examples: [
    { about: "what the trustee on this machine keeps", line: "cai collateral ls --admin-key cai-trustee/admin.key" },
    { about: "what a file holds", line: "cai collateral ls collateral.json" },
  ],
  exits: { 3: "the file holds a set that the manufacturer did not sign, or the trustee refused the request" },
  async run({ positionals: [path], flags, print, signal }) {
    if (path === undefined) {
      const key = flags["admin-key"];
      if (key === undefined)
        throw new CaiError("cli.usage", "give FILE, or --admin-key to ask a trustee", { hint: "cai collateral ls --help" });
      const admin = await connectAdmin({ ...flags, "admin-key": key }, signal);
      const rows = parseCollateralSummaries(await admin.call({ method: "GET", path: "cai/collateral" }));
      print({ collateral: rows }, summaryTable(rows));
      return;
    }
    const text = new TextDecoder().decode(await readInput(path, MAX_COLLATERAL_FILE));
    const { sets, refused } = checkSets(parseCollateralFile(text), await collateralAnchors(flags["trust-anchor"]), path);
    const rows = sets.map((set) => summarizeCollateral(set, now()));
    print({ collateral: rows, refused: refused.map((error) => error.toJSON()) }, summaryTable(rows));
    if (refused[0] !== undefined) throw refused[0];
  },
});
