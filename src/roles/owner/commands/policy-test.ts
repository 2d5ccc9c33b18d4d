import { type FileCoverage, loadFixtures, runTests, type TestResult } from "../../../policy/index.ts";
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
    coverage: { kind: "switch", about: "show which lines of the policies no test ran", commandLineOnly: true },
    run: { kind: "text", value: "REGEX", short: "r", about: "only the tests whose names match", commandLineOnly: true },
  },
  examples: [
    { about: "everything below a folder", line: "cai policy test examples/policies" },
    { about: "with the lines that no test ran", line: "cai policy test examples/policies --coverage" },
    { about: "tests about debug machines, for a program", line: "cai policy test examples/policies --run debug --json" },
  ],
  exits: { 0: "every test passed", 1: "a test failed" },
  async run({ positionals: [folder], flags, print }) {
    const modules = await readModules([folder]);
    const data = { ...(isFolder(folder) ? await readTestData(folder) : {}), fixtures: await loadFixtures() };
    const only = flags.run === undefined ? undefined : nameFilter(flags.run);
    const { results, coverage } = runTests(modules, {
      evaluation: evaluationOf(undefined, data, Math.floor(Date.now() / 1000)),
      ...(only !== undefined && { only }),
      clock: () => performance.now(),
      coverage: flags.coverage,
    });
    const counts = countsOf(results);
    const colours = coloursFor(process.stdout, process.env);
    const tests = results.map((result): JsonObject => ({ ...result }));
    const lines = coverage.map((file): JsonObject => ({ ...file }));
    const text = report(results, counts, colours);
    if (flags.coverage) print({ ...counts, tests, coverage: lines }, `${text}\n\n${coverageText(coverage, colours)}`);
    else print({ ...counts, tests }, text);
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

function coverageText(coverage: readonly FileCoverage[], colours: Colours): string {
  const lines = coverage.map(({ file, covered, notCovered }) => {
    const all = covered.length + notCovered.length;
    const share = `${all === 0 ? 100 : Math.floor((100 * covered.length) / all)}%`.padStart(4);
    const missed = notCovered.length === 0 ? "" : `, not run: ${rangesOf(notCovered)}`;
    return `${notCovered.length === 0 ? colours.good(share) : colours.warning(share)}  ${printable(file)}${missed}`;
  });
  return ["coverage by line", ...lines.map((line) => `  ${line}`)].join("\n");
}

/** @returns ascending numbers as text, such as `3-5, 9` */
function rangesOf(numbers: readonly number[]): string {
  const ranges: [first: number, last: number][] = [];
  for (const number of numbers) {
    const last = ranges.at(-1);
    if (last !== undefined && last[1] === number - 1) last[1] = number;
    else ranges.push([number, number]);
  }
  return ranges.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(", ");
}
