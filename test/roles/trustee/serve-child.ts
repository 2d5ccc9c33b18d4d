/** A trustee in a process of its own, for tests that kill it. Arguments: data directory, anchor, collateral. Prints its address. */
import { createTrustee } from "../../../src/roles/trustee/index.ts";
import { createLogger } from "../../../src/system/index.ts";
import { START } from "./kbs-world.ts";

const [dataDir = "", anchor = "", collateral = ""] = process.argv.slice(2);
const trustee = await createTrustee({
  dataDir,
  port: 0,
  trustAnchors: [anchor],
  collateral,
  logger: createLogger("silent"),
  clock: () => START,
});
process.stdout.write(`${(await trustee.start()).url}\n`);
