import { expect, test } from "bun:test";
import verb from "../../../../src/roles/agent/commands/evidence.ts";
import { runVerb } from "../../../../src/system/index.ts";

test("report data that are no bytes are wrong usage", async () => {
  for (const [text, id] of [
    ["zz", "cli.setting-invalid"],
    ["0", "cli.setting-invalid"],
    ["", "cli.setting-invalid"],
    ["00", "agent.no-tee"],
  ] as const) {
    let stderr = "";
    const host = { environment: {}, stdout: { write: () => {} }, stderr: { write: (line: string) => (stderr += line) } };
    await runVerb(verb, ["--report-data", text, "--tdx-root", "/nonexistent"], host);
    expect(/^cai: ([\w.-]+):/.exec(stderr)?.[1]).toBe(id);
  }
});
