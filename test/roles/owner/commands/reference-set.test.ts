import { expect, test } from "bun:test";
import verb from "../../../../src/roles/owner/commands/reference-set.ts";
import { runVerb } from "../../../../src/system/index.ts";

test("reference values come from a file or from the command line, and never from half of each", async () => {
  for (const args of [[], ["tdx.mr_td"], ["tdx.mr_td", "--file", "all.json"], ["tdx.mr_td", "00", "--file", "all.json"]]) {
    let stderr = "";
    const host = { environment: {}, stdout: { write: () => {} }, stderr: { write: (text: string) => (stderr += text) } };
    const status = await runVerb(verb, [...args, "--admin-key", "admin.key"], host);
    expect([status, /^cai: ([\w.-]+):/.exec(stderr)?.[1]]).toEqual([2, "cli.usage"]);
  }
});
