import { expect, test } from "bun:test";
import { collateralAnchors } from "../../../src/roles/owner/collateral.ts";
import { builtInAnchors } from "../../../src/tee/tdx/index.ts";
import { asyncRejection } from "../../rejection.ts";

test("the root of a simulated platform is read from a file that has an end", async () => {
  expect(await collateralAnchors(undefined)).toEqual(builtInAnchors());
  for (const path of ["/dev/zero", "/no/such/file"])
    expect((await asyncRejection(collateralAnchors(path))).id).toBe("cli.input-unreadable");
});
