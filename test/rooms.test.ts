import { afterAll, describe, expect, test } from "bun:test";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";

const house = mkdtempSync(join(tmpdir(), "cai-rooms-"));
for (const file of [".dependency-cruiser.cjs", "tsconfig.json"]) cpSync(file, join(house, file));
symlinkSync(resolve("node_modules"), join(house, "node_modules"));
afterAll(() => rmSync(house, { recursive: true }));

/** Builds a small house of files that import one another. @returns the names of the rules that the lint says are broken */
function brokenRules(imports: Record<string, readonly string[]>): string[] {
  rmSync(join(house, "src"), { recursive: true, force: true });
  const files = new Set([...Object.keys(imports), ...Object.values(imports).flat()]);
  for (const file of files) {
    const path = join(house, "src", file);
    mkdirSync(dirname(path), { recursive: true });
    const lines = (imports[file] ?? []).map(
      (other, i) => `import { x as x${i} } from "${other.startsWith("bun:") ? other : join(house, "src", other)}";\nvoid x${i};`,
    );
    if (!file.startsWith("bun:")) writeFileSync(path, `${lines.join("\n")}\nexport const x = 1;\n`);
  }
  const run = Bun.spawnSync(
    [resolve("node_modules/.bin/depcruise"), "src", "--config", ".dependency-cruiser.cjs", "--output-type", "json"],
    { cwd: house },
  );
  const report = JSON.parse(run.stdout.toString()) as { summary: { violations: { rule: { name: string } }[] } };
  return [...new Set(report.summary.violations.map((violation) => violation.rule.name))].sort();
}

describe("the import rule", () => {
  test("takes imports that go downwards through a room's index", () => {
    expect(
      brokenRules({
        "roles/agent/x.ts": ["model/index.ts"],
        "model/index.ts": ["crypto/index.ts"],
        "crypto/index.ts": ["system/index.ts"],
      }),
    ).toEqual([]);
  });

  for (const [what, rule, imports] of [
    ["the entry loading a role before it is called", "roles-when-called", { "main.ts": ["roles/agent/index.ts"] }],
    ["a role importing another", "roles-apart", { "roles/agent/x.ts": ["roles/trustee/index.ts"] }],
    ["a room importing upwards", "crypto-below-protocol", { "crypto/x.ts": ["protocol/index.ts"] }],
    ["the model room importing the protocol", "model-below-roles", { "model/x.ts": ["protocol/index.ts"] }],
    ["the policy room importing a platform", "policy-below-roles", { "policy/x.ts": ["tee/index.ts"] }],
    ["a room entered elsewhere than by its index", "rooms-by-their-index", { "roles/agent/x.ts": ["model/keys.ts"] }],
    ["a cycle", "no-circular", { "model/a.ts": ["model/b.ts"], "model/b.ts": ["model/a.ts"] }],
    ["foreign functions outside the system room", "ffi-in-system", { "model/x.ts": ["bun:ffi"] }],
  ] as const) {
    test(`refuses ${what}`, () => {
      expect(brokenRules(imports)).toContain(rule);
    });
  }
});
