import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import {
  checkPolicy,
  loadFixtures,
  type PolicyModule,
  runTests,
  type TemplateName,
  type TestResult,
  templates,
} from "../../src/policy/index.ts";
import type { JsonObject } from "../../src/system/index.ts";
import attestationTests from "./templates/attestation_test.rego" with { type: "text" };
import denyAllTests from "./templates/deny-all_test.rego" with { type: "text" };
import resourceTests from "./templates/resource_test.rego" with { type: "text" };

const NOW = 1_768_003_200;
const folder = resolve(import.meta.dir, "../../examples/policies");
const fixtures = await loadFixtures();

function tested(modules: readonly PolicyModule[], data: JsonObject = {}): readonly TestResult[] {
  return runTests(modules, { evaluation: { data: { ...data, fixtures }, now: NOW }, clock: () => 0 }).results;
}

const notPassed = (results: readonly TestResult[]) => results.filter(({ outcome }) => outcome !== "pass");

describe("the recipes of examples/policies", () => {
  const modules = readdirSync(folder)
    .filter((file) => file.endsWith(".rego"))
    .map((file): PolicyModule => ({ name: file, text: readFileSync(resolve(folder, file), "utf8") }));
  const recipes = modules.filter(({ name }) => !name.endsWith("_test.rego"));

  test("pass their tests", () => {
    expect(notPassed(tested(modules))).toEqual([]);
  });

  test.each(recipes.map(({ name }) => name))("%s has tests beside it", (name) => {
    const tests = name.replace(/\.rego$/, "_test.rego");
    const results = tested(modules.filter((module) => module.name === name || module.name === tests));
    expect(results.length).toBeGreaterThanOrEqual(3);
  });

  test.each(recipes)("$name is checked without a warning", (recipe) => {
    expect(checkPolicy([recipe]).filter(({ severity }) => severity === "error" || severity === "warning")).toEqual([]);
  });

  test.each(recipes)("a test of $name fails where the policy allows or affirms everything", ({ name, text }) => {
    const lax = text
      .replace("default allow := false", "default allow := true")
      .replace(/default hardware := \d+/, "default hardware := 2")
      .replace(/default executables := \d+/, "default executables := 3")
      .replace(/default configuration := \d+/, "default configuration := 2");
    expect(lax).not.toBe(text);
    const tests = modules.find((module) => module.name === name.replace(/\.rego$/, "_test.rego"))!;
    expect(notPassed(tested([{ name, text: lax }, tests])).length).toBeGreaterThan(0);
  });
});

describe("the shipped templates", () => {
  test.each([
    ["deny-all", denyAllTests, {}],
    ["affirming", resourceTests, { world: "production", untagged: false }],
    ["affirming-plain", resourceTests, { world: "production", untagged: true }],
    ["affirming-simulated", resourceTests, { world: "simulated", untagged: false }],
    ["attestation", attestationTests, { world: "production" }],
    ["attestation-simulated", attestationTests, { world: "simulated" }],
  ] as const satisfies readonly (readonly [TemplateName, string, JsonObject])[])("%s passes its tests", (name, tests, data) => {
    const modules = [
      { name: `${name}.rego`, text: templates[name] },
      { name: `${name}_test.rego`, text: tests },
    ];
    const results = tested(modules, data);
    expect(notPassed(results)).toEqual([]);
    expect(results.length).toBeGreaterThan(0);
  });
});
