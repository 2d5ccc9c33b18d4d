import { describe, expect, test } from "bun:test";
import { checkPolicy, compilePolicy, type Finding, templates } from "../../../src/policy/index.ts";
import { CaiError } from "../../../src/system/index.ts";

const LOG = "input.tdx.uefi_event_logs";

function check(rules: string, strict?: "v0" | "v1"): Finding[] {
  return checkPolicy([{ name: "p.rego", text: `package policy\n${rules}` }], strict === undefined ? {} : { strict });
}

/** What the checks say of rules, except the level that they demand: severity, id, line. */
function said(rules: string, strict?: "v0" | "v1"): string[] {
  return check(rules, strict)
    .filter(({ severity }) => severity !== "info")
    .map(({ severity, id, line, column }) => `${severity} ${id} ${line}:${column}`);
}

function refusal(work: () => unknown): [id: string, message: string] {
  try {
    work();
  } catch (error) {
    if (error instanceof CaiError) return [error.id, error.message];
    throw error;
  }
  return ["no error", ""];
}

describe("errors", () => {
  test("name the place, the problem and the nearest name", () => {
    const [first] = check("default allow := false\nallow if startwith(input.a, 1)");
    expect(first).toEqual({
      severity: "error",
      id: "policy.compile-error",
      message: "unknown function startwith",
      file: "p.rego",
      line: 3,
      column: 10,
      hint: "did you mean startswith?",
    });
    expect(check("tenant := input.t\nx if tennant == 1")[0]?.hint).toBe("did you mean tenant?");
    expect(check("matching(a) := a\nx if matchng(1)")[0]?.hint).toBe("did you mean matching?");
  });

  test("of parsing are told for each module", () => {
    const found = checkPolicy([
      { name: "a", text: "package a\nx := [" },
      { name: "b", text: "pakage b" },
    ]);
    expect(found.map(({ id, file, line }) => [id, file, line])).toEqual([
      ["policy.parse-error", "a", 2],
      ["policy.parse-error", "b", 1],
    ]);
  });

  test.each([
    "http.send",
    "query_artifact_server",
    "net.lookup_ip_addr",
    "opa.runtime",
    "rand.intn",
    "uuid.rfc4122",
    "crypto.x509.parse_certificates",
  ])("%s is refused by name", (name) => {
    const [first] = check(`default x := 1\nx := 2 if { ${name}(1) }`);
    expect([first?.id, first?.line]).toEqual(["policy.builtin-unavailable", 3]);
    expect(first?.message).toContain(name);
  });

  test("of text that is too long or nested too deeply are all that is said", () => {
    expect(said(`x := 1${" + 1".repeat(50_000)}`)).toEqual(["error policy.limit-exceeded 1:1"]);
    expect(said("#".repeat(1_100_000))).toEqual(["error policy.limit-exceeded 1:1"]);
  });
});

describe("one version of the language", () => {
  test("v1 wants if and contains", () => {
    expect(said("x { true }\ny[1] { true }\nz := 1 { true } else := 2 { true }", "v1")).toEqual([
      "error policy.parse-error 2:3",
      "error policy.parse-error 3:1",
      "error policy.parse-error 3:6",
      "error policy.parse-error 4:8",
      "error policy.parse-error 4:27",
    ]);
    expect(said("x if { true }\ny contains 1 if true\nz[1] := 2 if { true }", "v1")).toEqual([]);
  });

  test("v0 wants its keywords imported, one by one or all", () => {
    expect(said("x if { 1 in [1] }\ny contains 1\nz { every v in [1] { v == 1 } }", "v0")).toEqual([
      "error policy.parse-error 2:3",
      "error policy.parse-error 2:10",
      "error policy.parse-error 3:3",
      "error policy.parse-error 4:5",
      "error policy.parse-error 4:13",
    ]);
    expect(said("import future.keywords.if\nx if { true }", "v0")).toEqual([]);
    expect(said('import future.keywords\nx if { 1 in [1] }\ny { contains("a", "a") }', "v0")).toEqual([]);
    expect(said("import future.keywords.every\nz { every v in [1] { v == 1 } }", "v0")).toEqual([]);
  });

  test("a module that imports rego.v1 is v1 under v0 too", () => {
    expect(said("import rego.v1\nx if { true }", "v0")).toEqual([]);
    expect(said("import rego.v1\nx { true }", "v0")).toEqual(["error policy.parse-error 3:3"]);
  });

  test("compiling takes the same option", () => {
    const compile = (strict: "v0" | "v1") => compilePolicy("package policy\nx { true }", { strict }).evaluate("data.policy.x");
    expect(compile("v0")).toBe(true);
    expect(refusal(() => compile("v1"))).toEqual(["policy.parse-error", "policy:2:3: v1 wants if before a rule's body, in: x { true }"]);
    expect(compilePolicy("package policy\nx { true }").evaluate("data.policy.x")).toBe(true);
  });

  test("v1 has no deprecated built-ins", () => {
    expect(said("x if any([true])", "v1")).toEqual(["error lint.deprecated-builtin 2:6"]);
    expect(said("x if any([true])")).toEqual(["warning lint.deprecated-builtin 2:6"]);
    expect(said("any(x) := x\ny if any(1)", "v1")).toEqual([]);
  });
});

describe("a negation over a claim that a platform may lack", () => {
  test.each([
    ["a path of the input", "x if { not input.tdx.td_attributes.debug }"],
    ["a comparison with it", 'x if { not input.tdx.tcb_status == "Revoked" }'],
    ["a path through a variable", "x if { cpu := input.submods.cpu0; not cpu.debug }"],
    ["a path of an argument", "f(evidence) if { not evidence.debug }"],
    ["a rule that reads the input", "debug if input.csv.policy.nodbg == 0\nx if { not debug }"],
    ["a function that reads the input", "bad(k) if input.denied[k]\nx if { not bad(1) }"],
    ["a comprehension over the input", "x if { not count([1 | input.a[_]]) > 0 }"],
  ])("is flagged for %s", (_, rules) => {
    expect(said(rules).filter((one) => one.includes("lint.negation-of-input"))).toHaveLength(1);
  });

  test.each([
    ["compares with the needed value", "x if { input.tdx.td_attributes.debug == false }"],
    ["demands the path beside it", "x if { is_boolean(input.tdx.debug); not input.tdx.debug }"],
    ["demands a longer path beside it", "x if { input.tdx.debug.level == 3; not input.tdx.debug == 1 }"],
    ["gives a value for what is missing", 'x if { not object.get(input.tdx, "debug", true) }'],
    ["reads no input", "deny contains 1 if data.off\nx if { not deny[1] }"],
  ])("is not flagged where the rule %s", (_, rules) => {
    expect(said(rules)).toEqual([]);
  });
});

test("a test that expects a denial is no negation that lets anything through", () => {
  const denial = "not allow with input as {}";
  expect(said(`default allow := false\nallow if input.a == 1\ntest_denies if ${denial}`)).toEqual([]);
  expect(said(`default allow := false\nallow if input.a == 1\nother if ${denial}`)).toEqual(["warning lint.negation-of-input 4:10"]);
  const text = `package policy_test\nimport data.policy.allow\ndenies(x) if not allow with input as x\ntest_denies if denies({})`;
  expect(checkPolicy([{ name: "p_test.rego", text }])).toEqual([]);
});

describe("a test that an event is in the log", () => {
  test.each([
    ["some … in", `x if { some e in ${LOG}; e.details.data.operation == "load_config"; e.details.data.content == "a" }`],
    ["a wildcard", `x if { e := ${LOG}[_]; e.details.data.domain == "d" }`],
    ["events that are proved", 'x if { some e in input.tdx.measured.runtime_events; e.content.root == "r" }'],
    ["a name of the log", `logs := ${LOG}\nx if { some e in logs; e.details.data.content.root == "r" }`],
    [
      "membership in what was collected",
      `roots contains r if { some e in ${LOG}; r := e.details.data.content.root }\nx if { "r" in roots }`,
    ],
    ["the same through a comprehension", `x if { roots := {r | some e in ${LOG}; r := e.details.data.content.root}; "r" in roots }`],
  ])("is flagged for %s", (_, rules) => {
    expect(said(rules).filter((one) => one.includes("lint.event-presence"))).toHaveLength(1);
  });

  test.each([
    ["sets that are compared", `x if { roots := {r | some e in ${LOG}; r := e.details.data.content.root}; roots == {"r"} }`],
    ["a collected set", `roots contains r if { some e in ${LOG}; r := e.details.data.content.root }\nx if { roots == {"a"} }`],
    ["a set of events that are proved", 'x if { {e.content | some e in input.tdx.measured.runtime_events} == {"r"} }'],
    ["every event", `x if { every e in ${LOG} { e.details.data.operation == "a" } }`],
    ["events of the firmware", `x if { some e in ${LOG}; e.type_name == "EV_IPL"; contains(e.details.string, "Kernel") }`],
  ])("is not flagged for %s", (_, rules) => {
    expect(said(rules)).toEqual([]);
  });
});

describe("what is left over", () => {
  test("an allow without a default is flagged", () => {
    expect(said("allow if input.a == 1")).toEqual(["warning lint.allow-without-default 2:1"]);
    expect(said("default allow := false\nallow if input.a == 1")).toEqual([]);
  });

  test("unused imports and variables are flagged", () => {
    expect(said("import data.a\nimport data.b as c\nx if c.d == 1")).toEqual(["warning lint.unused-import 2:1"]);
    expect(said("x if { y := 1; input.a == 1 }")).toEqual(["warning lint.unused-variable 2:8"]);
    expect(said("x if { some i, v in input.a; v == 1 }")).toEqual(["warning lint.unused-variable 2:13"]);
    expect(said("x if { some _, v in input.a; v == 1 }\nz := [k | some k; input.b[k]]")).toEqual([]);
  });

  test("a long chain of rules is gone through once", () => {
    const chain = Array.from({ length: 8000 }, (_, i) => `r${i} := r${i + 1}`).join("\n");
    expect(said(`${chain}\nr8000 := input.x\ny if { not r0 }`)).toEqual(["warning lint.negation-of-input 8003:8"]);
  });

  test("the level that a policy demands is named", () => {
    const level = (text: string) => /level (L\d)/.exec(checkPolicy([{ name: "p", text }]).at(-1)!.message)?.[1];
    expect(level(templates.attestation)).toBe("L1");
    expect(level(templates.affirming)).toBe("L0");
    const some = 'package policy\nx if input.tdx.quote.body.mr_td in query_reference_value("tdx.mr_td")';
    expect(checkPolicy([{ name: "p", text: some }]).at(-1)?.message).toEndWith(
      "L0: of the boot it does not compare rtmr_0, rtmr_1, rtmr_2",
    );
    expect(
      level(`package policy
ok if {
  input.tdx.quote.body.mr_td in data.reference.mr_td
  every c in ["kernel", "initrd", "kernel_cmdline"] { input.m[c] in data.reference[sprintf("measurement.%s", [c])] }
}`),
    ).toBe("L1");
  });

  test("the shipped policies have nothing to mend", () => {
    for (const [name, text] of Object.entries(templates)) {
      const found = checkPolicy([{ name, text }], { strict: "v1" });
      expect([name, found.filter(({ severity }) => severity !== "info")]).toEqual([name, []]);
    }
  });
});
