import { afterAll, describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CAI, cai, caiError, caiJson, removeScratch, scratch } from "./cai.ts";

const folder = scratch();
afterAll(() => removeScratch(folder));
const cwd = { cwd: folder };

function write(path: string, text: string | Uint8Array): string {
  mkdirSync(join(folder, path, ".."), { recursive: true });
  writeFileSync(join(folder, path), text);
  return path;
}

const POLICY = write(
  "policy.rego",
  'package policy\n\nimport rego.v1\n\ndefault allow := false\n\nallow if {\n\tinput.user == "owner"\n\tinput.level in query_reference_value("level")\n}\n',
);
const INPUT = write("input.json", '{"user": "owner", "level": 2}');
const DATA = write("data.json", '{"reference": {"level": [2, 3]}, "resource-path": "resource/default/key/1"}');

describe("cai policy eval", () => {
  const answers = async (...args: string[]) => (await caiJson(["policy", "eval", ...args], cwd))["result"];

  test("prints one object of bindings an answer, in order, and none where there is none", async () => {
    expect(await answers(POLICY, "--query", "some i; x := [3, 1][i]")).toEqual([
      { i: 0, x: 3 },
      { i: 1, x: 1 },
    ]);
    expect(await answers(POLICY, "--query", "x := 1; x > 1")).toEqual([]);
    expect(await answers(POLICY, "--query", "1 < 2")).toEqual([{}]);
  });

  test("reads input, data, and reference values from data.reference", async () => {
    expect(await answers(POLICY, "-q", "x := data.policy.allow", "-i", INPUT, "-d", DATA)).toEqual([{ x: true }]);
    expect(await answers(POLICY, "-q", "x := data.policy.allow", "-i", INPUT)).toEqual([{ x: false }]);
    expect(await answers(POLICY, "-q", 'x := data["resource-path"]', "-d", DATA)).toEqual([{ x: "resource/default/key/1" }]);
  });

  test("gives a path its value, also where that is false or there is none", async () => {
    expect(await caiJson(["policy", "eval", POLICY, "-q", "data.policy.allow"], cwd)).toEqual({ result: [], value: false });
    expect(await caiJson(["policy", "eval", POLICY, "-q", "data.policy.missing"], cwd)).toEqual({ result: [] });
    expect((await cai(["policy", "eval", POLICY, "-q", "data.policy.allow"], cwd)).stdout).toBe("false\n");
    expect((await cai(["policy", "eval", POLICY, "-q", "data.policy.missing"], cwd)).stdout).toBe("undefined\n");
    expect((await cai(["policy", "eval", POLICY, "-q", "x := [1]; y := 2"], cwd)).stdout).toBe("x = [\n  1\n]\ny = 2\n");
  });

  test("keeps integers beyond 2^53, from the input to the output", async () => {
    const big = write("big.json", '{"n": 12345678901234567890123}');
    const { stdout } = await cai(["policy", "eval", POLICY, "-q", "x := input.n + 1", "-i", big, "--json"], cwd);
    expect(stdout).toBe('{"result":[{"x":12345678901234567890124}]}\n');
  });

  test("takes several files, a folder, and standard input", async () => {
    write("lib/a.rego", "package lib\na := 1");
    write("lib/deep/b.rego", "package lib\nb := 2");
    write("lib/note.txt", "no policy");
    symlinkSync("..", join(folder, "lib/deep/loop"));
    expect(await answers("lib", POLICY, "-q", "x := data.lib.a + data.lib.b")).toEqual([{ x: 3 }]);
    const piped = Bun.spawn([CAI, "policy", "eval", "-", "-q", "x := data.p.y", "--json"], {
      stdin: new Blob(["package p\ny := 7"]),
      stdout: "pipe",
    });
    expect(await new Response(piped.stdout).json()).toEqual({ result: [{ x: 7 }] });
  });

  test("offers the inputs that cai brings where they are asked for", async () => {
    const query = "x := {p | data.fixtures[p]}";
    expect(await answers(POLICY, "-q", query, "--fixtures")).toEqual([
      { x: ["csv", "hygondcu", "hygontpm", "nvidia", "sample", "se", "sgx", "snp", "system", "tdx", "tpm"] },
    ]);
    expect(await answers(POLICY, "-q", query)).toEqual([{ x: [] }]);
  });

  test("ends with an error where a built-in fails, and goes on with --lenient", async () => {
    expect(await caiError(["policy", "eval", POLICY, "-q", "x := 1 / 0"], cwd)).toMatchObject({ status: 3, id: "policy.eval-error" });
    expect(await answers(POLICY, "-q", "x := 1 / 0", "--lenient")).toEqual([]);
  });

  test.each([
    ["a policy that does not parse", ["bad.rego", "-q", "x := 1"], 2, "policy.parse-error"],
    ["a policy that does not compile", ["unsafe.rego", "-q", "x := 1"], 2, "policy.compile-error"],
    ["a query that does not parse", [POLICY, "-q", "x :="], 2, "policy.parse-error"],
    ["a policy that is no UTF-8", ["latin.rego", "-q", "x := 1"], 2, "policy.parse-error"],
    ["an input that is no JSON", [POLICY, "-q", "x := 1", "-i", POLICY], 2, "policy.input-invalid"],
    ["data that are no object", [POLICY, "-q", "x := 1", "-d", "list.json"], 2, "policy.input-invalid"],
    ["a missing file", ["missing.rego", "-q", "x := 1"], 2, "cli.input-unreadable"],
    ["a folder without policies", ["empty", "-q", "x := 1"], 2, "cli.input-unreadable"],
    ["no query", [POLICY], 2, "cli.usage"],
    ["no file", ["-q", "x := 1"], 2, "cli.usage"],
    ["standard input for two things", ["-", "-q", "x := 1", "-i", "-"], 2, "cli.usage"],
  ] as const)("refuses %s", async (_, args, status, id) => {
    write("bad.rego", "package p\nx := {");
    write("unsafe.rego", "package p\nx := y");
    write("latin.rego", Uint8Array.of(0x70, 0x61, 0xe9));
    write("list.json", "[1]");
    mkdirSync(join(folder, "empty"), { recursive: true });
    const ended = await caiError(["policy", "eval", ...args], cwd);
    expect([ended.status, ended.id]).toEqual([status, id]);
    expect(ended.stdout).toBe("");
  });
});

describe("cai policy check", () => {
  test("passes a policy and says what it proves", async () => {
    const ended = await cai(["policy", "check", POLICY], cwd);
    expect(ended.status).toBe(0);
    expect(ended.stdout).toContain("demands level L0");
    expect(ended.stdout).toEndWith("\n1 file: 0 errors, 0 warnings\n");
  });

  test("ends with 1 where a policy does not compile, and names line, column and the nearest name", async () => {
    const misspelt = write("misspelt.rego", "package p\n\nx := cuont([1])\n");
    const { status, stdout, stderr } = await cai(["policy", "check", misspelt], cwd);
    expect(status).toBe(1);
    expect(stdout).toMatch(/^misspelt\.rego:3:6: error: .*cuont/);
    expect(stdout).toContain("count");
    expect(stderr).toStartWith("cai: policy.check-failed: 1 error in misspelt.rego\n");
  });

  test("warns of a rule that lets more through than it seems to, and ends with 0", async () => {
    const open = write("open.rego", "package policy\n\ndefault allow := false\n\nallow if not input.tdx.td_attributes.debug\n");
    const { status, stdout } = await cai(["policy", "check", open, "--json"], cwd);
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      errors: 0,
      warnings: 1,
      findings: [{ severity: "warning", id: "lint.negation-of-input", line: 5 }, {}],
    });
  });

  test("takes one version of the language where it is told to", async () => {
    const old = write("old.rego", "package p\n\nx { input.y }\n");
    expect((await cai(["policy", "check", old], cwd)).status).toBe(0);
    expect((await cai(["policy", "check", old, "--strict", "v0"], cwd)).status).toBe(0);
    expect(await caiError(["policy", "check", old, "--strict", "v1"], cwd)).toMatchObject({ status: 1, id: "policy.check-failed" });
    expect(await caiError(["policy", "check", old, "--strict", "v2"], cwd)).toMatchObject({ status: 2, id: "cli.setting-invalid" });
  });

  test("refuses what would reach the network, by name", async () => {
    const fetching = write("fetching.rego", 'package p\n\nx := http.send({"url": "https://example.com"})\n');
    const { status, stdout } = await cai(["policy", "check", fetching, "--json"], cwd);
    expect(status).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ errors: 1, findings: [{ id: "policy.builtin-unavailable" }, {}] });
  });

  test("tells every file that does not parse", async () => {
    write("broken/a.rego", "package p\nx := {");
    write("broken/b.rego", "package p\ny := [");
    const { stdout } = await cai(["policy", "check", "broken"], cwd);
    expect(stdout).toContain("broken/a.rego:");
    expect(stdout).toContain("broken/b.rego:");
    expect(stdout).toEndWith("2 files: 2 errors, 0 warnings\n");
  });
});

describe("cai policy explain", () => {
  test("prints the failing statement with the values compared", async () => {
    const other = write("other.json", '{"user": "guest", "level": 2}');
    const { status, stdout } = await cai(["policy", "explain", POLICY, "--query", "data.policy.allow", "--input", other], cwd);
    expect(status).toBe(0);
    expect(stdout).toContain('policy.rego:8  input.user == "owner"');
    expect(stdout).toContain('input.user is "guest"');
    expect(stdout).not.toContain("\x1b");
  });

  test("prints the statements that carried a yes, and the same as JSON", async () => {
    const args = ["policy", "explain", POLICY, "--input", INPUT, "--data", DATA];
    expect((await cai(args, cwd)).stdout).toStartWith("✓ data.policy.allow is true\n");
    expect(await caiJson(args, cwd)).toMatchObject({ query: "data.policy.allow", outcome: "true", value: true, truncated: false });
  });

  test("shows no control characters of the input", async () => {
    const evil = write("evil.json", JSON.stringify({ user: "\u001b[2Jowner\u009b" }));
    const { stdout } = await cai(["policy", "explain", POLICY, "--input", evil], cwd);
    expect(stdout).toContain("owner");
    expect(stdout).not.toContain("\u001b");
    expect(stdout).not.toContain("\u009b");
  });

  test("asks a trustee about a number or a public id, which brings its own input", async () => {
    for (const name of ["12", "lwhqt72rzz5ejn2a"]) {
      expect(await caiError(["policy", "explain", name], cwd)).toMatchObject({ status: 2, id: "cli.usage" });
      const admin = ["--admin-key", "no.key", "--input", INPUT];
      expect(await caiError(["policy", "explain", name, ...admin], cwd)).toMatchObject({ status: 2, id: "cli.usage" });
    }
    expect((await caiError(["policy", "explain", "./12"], cwd)).id).toBe("cli.input-unreadable");
  });
});

describe("cai policy test", () => {
  write("suite/policy.rego", "package policy\n\ndefault allow := false\n\nallow if input.cai.world == data.world\n");
  write("suite/data.json", '{"world": "production"}');
  write("suite/limits/data.json", '{"most": 3}');
  write(
    "suite/policy_test.rego",
    [
      "package policy_test",
      "",
      "import data.policy",
      "",
      "test_allows if policy.allow with input as data.fixtures.tdx.affirming.token",
      "test_denies if not policy.allow with input as data.fixtures.tdx.simulated.token",
      "test_reads_data if data.limits.most == 3",
      "todo_test_more if false",
    ].join("\n"),
  );

  test("reports every test and ends with 0 where all passed", async () => {
    const { status, stdout } = await cai(["policy", "test", "suite"], cwd);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^suite\/policy_test\.rego\n {2}pass {2}data\.policy_test\.test_allows \(\d+\.\d\d ms\)\n/);
    expect(stdout).toEndWith("  skip  data.policy_test.todo_test_more\n\n3 passed, 0 failed, 1 skipped\n");
  });

  test("shows which lines no test ran", async () => {
    const { stdout } = await cai(["policy", "test", "suite", "--coverage", "--run", "denies"], cwd);
    expect(stdout).toEndWith("1 passed, 0 failed, 0 skipped\n\ncoverage by line\n   50%  suite/policy.rego, not run: 5\n");
    const { coverage } = await caiJson(["policy", "test", "suite", "--coverage"], cwd);
    expect(coverage).toEqual([{ file: "suite/policy.rego", covered: [3, 5], notCovered: [] }]);
  });

  test("ends with 1 where a test fails, with the statement and values that failed it", async () => {
    write("failing/a.rego", 'package a\n\ntest_level if {\n\tx := {"level": 2}\n\tx.level == 3\n}\n\ntest_error if 1 / 0 == 1\n');
    const { status, stdout, stderr } = await cai(["policy", "test", "failing"], cwd);
    expect(status).toBe(1);
    expect(stdout).toContain("FAIL  data.a.test_level");
    expect(stdout).toContain("a.rego:5  x.level == 3");
    expect(stdout).toContain("x.level is 2");
    expect(stdout).toContain("ERROR data.a.test_error");
    expect(stdout).toEndWith("\n0 passed, 2 failed, 0 skipped\n");
    expect(stderr).toStartWith("cai: policy.test-failed: 2 of 2 policy tests did not pass\n");
  });

  test("prints one JSON document also where a test fails", async () => {
    const { status, stdout } = await cai(["policy", "test", "failing", "--json"], cwd);
    expect(status).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      passed: 0,
      failed: 2,
      skipped: 0,
      tests: [{ outcome: "fail", line: 3 }, { outcome: "error" }],
    });
  });

  test("takes no test for a success", async () => {
    expect(await caiError(["policy", "test", "suite", "--run", "nothing"], cwd)).toMatchObject({ status: 1, id: "policy.test-failed" });
    expect(await caiError(["policy", "test", "suite", "--run", "("], cwd)).toMatchObject({ status: 2, id: "cli.setting-invalid" });
  });

  test("refuses data files that contradict each other", async () => {
    write("conflict/a.rego", "package a\ntest_x := true");
    write("conflict/data.json", '{"x": {"y": 1}}');
    write("conflict/x/data.json", '{"y": 2}');
    expect((await caiError(["policy", "test", "conflict"], cwd)).id).toBe("policy.input-invalid");
  });
});

describe("cai policy fmt", () => {
  const untidy = "package p\nallow{input.x==1;input.y}  # why\n";
  const tidy = "package p\n\nallow {\n\tinput.x == 1\n\tinput.y\n} # why\n";

  test("prints the layout and changes nothing", async () => {
    write("fmt/a.rego", untidy);
    expect((await cai(["policy", "fmt", "fmt/a.rego"], cwd)).stdout).toBe(tidy);
    expect(readFileSync(join(folder, "fmt/a.rego"), "utf8")).toBe(untidy);
  });

  test("says with --check which files differ, and ends with 1", async () => {
    write("fmt/a.rego", untidy);
    write("fmt/b.rego", tidy);
    const ended = await cai(["policy", "fmt", "fmt", "--check"], cwd);
    expect([ended.status, ended.stdout]).toEqual([1, "another layout: fmt/a.rego\n"]);
    expect((await caiError(["policy", "fmt", "fmt", "--check"], cwd)).id).toBe("policy.not-formatted");
    expect((await cai(["policy", "fmt", "fmt/b.rego", "--check"], cwd)).status).toBe(0);
  });

  test("writes with --write and keeps the mode", async () => {
    write("fmt/a.rego", untidy);
    chmodSync(join(folder, "fmt/a.rego"), 0o640);
    expect((await cai(["policy", "fmt", "fmt", "--write"], cwd)).stdout).toBe("written: fmt/a.rego\n");
    expect(readFileSync(join(folder, "fmt/a.rego"), "utf8")).toBe(tidy);
    expect(statSync(join(folder, "fmt/a.rego")).mode & 0o777).toBe(0o640);
    expect((await cai(["policy", "fmt", "fmt", "--check"], cwd)).status).toBe(0);
  });

  test("leaves every file alone where one does not parse", async () => {
    write("half/a.rego", untidy);
    write("half/b.rego", "package p\nx := {");
    expect(await caiError(["policy", "fmt", "half", "--write"], cwd)).toMatchObject({ status: 2, id: "policy.parse-error" });
    expect(readFileSync(join(folder, "half/a.rego"), "utf8")).toBe(untidy);
  });

  test("refuses --check with --write, and writing to standard input", async () => {
    expect((await caiError(["policy", "fmt", POLICY, "--check", "--write"], cwd)).id).toBe("cli.usage");
    expect((await caiError(["policy", "fmt", "-", "--write"], cwd)).id).toBe("cli.usage");
  });
});

test("the recipes pass their tests and have the common layout", async () => {
  expect(await cai(["policy", "check", "examples/policies"])).toMatchObject({ status: 0 });
  expect(await cai(["policy", "test", "examples/policies"])).toMatchObject({ status: 0 });
  expect(await cai(["policy", "fmt", "examples/policies", "src/policy/templates", "--check"])).toMatchObject({ status: 0 });
});
