import { loadFixtures, runTests, type TestResult } from "../../../policy/index.ts";
import { CaiError, defineVerb, type JsonObject, printable } from "../../../system/index.ts";
import { type Colours, coloursFor } from "../colours.ts";
import { evaluationOf } from "../policy-documents.ts";
import { isFolder, readModules } from "../policy-files.ts";
import { readTestData } from "../policy-test-data.ts";

export default defineVerb({
  path: "policy test",
  description:
    "Runs the tests of a folder of policies: every rule whose name starts with test_ has to be true; todo_test_ is skipped.\nTests find inputs of each platform at data.fixtures, for example `with input as data.fixtures.tdx.affirming.token`, and data.json files at data.",
  positionals: [
    { name: "DIR", about: "a folder with policies and their tests, or one file; policies that exclude each other are tested one by one" },
  ],
  flags: {
    run: { kind: "text", value: "REGEX", short: "r", about: "only the tests whose names match", commandLineOnly: true },
  },
  examples: [
    { about: "everything below a folder", line: "cai policy test examples/policies" },
    { about: "tests about debug machines, for a program", line: "cai policy test examples/policies --run debug --json" },
  ],
  exits: { 0: "every test passed", 1: "a test failed" },
  async run({ positionals: [folder], flags, print }) {
    const modules = await readModules([folder]);
    const data = { ...(isFolder(folder) ? await readTestData(folder) : {}), fixtures: await loadFixtures() };
    const only = flags.run === undefined ? undefined : nameFilter(flags.run);
    const results = runTests(modules, {
      evaluation: evaluationOf(undefined, data, Math.floor(Date.now() / 1000)),
      ...(only !== undefined && { only }),
      clock: () => performance.now(),
    });
    const counts = countsOf(results);
    print(
      { ...counts, tests: results.map((result): JsonObject => ({ ...result })) },
      report(results, counts, coloursFor(process.stdout, process.env)),
    );
    if (counts.failed > 0) {
      throw new CaiError("policy.test-failed", `${counts.failed} of ${results.length} policy tests did not pass`);
    }
    if (results.length === 0) {
      throw new CaiError("policy.test-failed", "there is no test to run", {
        expected: only === undefined ? "rules whose names start with test_" : `tests whose names match ${flags.run}`,
      });
    }
  },
});

function nameFilter(pattern: string): RegExp {
  try {
    return new RegExp(pattern, "u");
  } catch (cause) {
    throw new CaiError("cli.setting-invalid", `--run is no regular expression: ${pattern}`, { expected: "a regular expression", cause });
  }
}

function countsOf(results: readonly TestResult[]) {
  const count = (...outcomes: readonly TestResult["outcome"][]) => results.filter(({ outcome }) => outcomes.includes(outcome)).length;
  return { passed: count("pass"), failed: count("fail", "error"), skipped: count("skip") };
}

function report(results: readonly TestResult[], counts: ReturnType<typeof countsOf>, colours: Colours): string {
  const lines: string[] = [];
  let heading = "";
  for (const result of results) {
    const file = result.about === undefined || result.about === result.file ? result.file : `${result.file}, with ${result.about}`;
    if (file !== heading) lines.push(...(lines.length > 0 ? [""] : []), printable(file));
    heading = file;
    lines.push(...resultLines(result, colours));
  }
  const { passed, failed, skipped } = counts;
  const sum = `${passed} passed, ${failed} failed, ${skipped} skipped`;
  return [...lines, ...(lines.length > 0 ? [""] : []), failed > 0 ? colours.bad(sum) : colours.good(sum)].join("\n");
}

function resultLines({ name, line, outcome, milliseconds, reason }: TestResult, colours: Colours): string[] {
  const word = { pass: colours.good("pass "), fail: colours.bad("FAIL "), error: colours.bad("ERROR"), skip: colours.warning("skip ") }[
    outcome
  ];
  const time = outcome === "skip" ? "" : ` ${colours.faint(`(${milliseconds.toFixed(2)} ms)`)}`;
  const first = `  ${word} ${printable(name)}${time}`;
  if (reason === undefined) return [first];
  const detail = printable(reason, true).split("\n");
  return [first, `        line ${line}: ${detail[0]}`, ...detail.slice(1).map((text) => `        ${text}`)];
}
