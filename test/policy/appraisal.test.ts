import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { type AppraisalRequest, appraise, policyHash } from "../../src/policy/index.ts";
import { CaiError } from "../../src/system/index.ts";
import { evidenceWith, REFERENCES } from "./evidence.ts";

function appraised(rules: string, more: Partial<AppraisalRequest> = {}) {
  const policyText = `package policy\nimport rego.v1\n${rules}`;
  return appraise({ policyText, policyId: "default", evidence: evidenceWith(), floor: [], references: {}, ...more });
}

function refusal(rules: string, more: Partial<AppraisalRequest> = {}): string {
  try {
    appraised(rules, more);
  } catch (error) {
    if (error instanceof CaiError) return error.id;
    throw error;
  }
  return "no error";
}

describe("an attestation policy with one rule a claim", () => {
  test("sets exactly the claims that have a value, and 0 is one", () => {
    const { vector, status } = appraised("hardware := 2\nfile_system := 0\ninstance_identity := 2\nexecutables := 3 if false");
    expect(vector).toEqual({ hardware: 2, "file-system": 0, "instance-identity": 2 });
    expect(status).toBe("affirming");
  });

  test("is named by its id and hash", () => {
    const text = "package policy\nimport rego.v1\nhardware := 2";
    const { policyId, policyHash: hash } = appraised("hardware := 2", { policyId: "strict" });
    expect(policyId).toBe("strict");
    expect(hash).toBe(createHash("sha384").update(text).digest("hex"));
    expect(hash).toBe(policyHash(text));
  });

  test("reads reference values as a function and as data", () => {
    const references = { "tdx.mr_td": ["x"], "tdx.xfam": [] };
    const rules = 'hardware := count(query_reference_value("tdx.mr_td")) + 1\nexecutables := 3 if data.reference["tdx.mr_td"][0] == "x"';
    expect(appraised(rules, { references }).vector).toEqual({ hardware: 2, executables: 3 });
    expect(appraised('hardware := 33 if query_reference_value("constructor") == null', { references }).vector).toEqual({ hardware: 33 });
  });

  test("does not run rules that nothing asks for", () => {
    expect(appraised("hardware := 2\nother := 1 / 0").vector).toEqual({ hardware: 2 });
  });

  test("has the time only where the caller gives it", () => {
    const rules = "hardware := 2 if time.now_ns() == 1700000000000000000";
    expect(appraised(rules, { now: 1_700_000_000 }).vector).toEqual({ hardware: 2 });
    expect(refusal(rules)).toBe("policy.eval-error");
  });
});

describe("an attestation policy with the object trust_claims", () => {
  test("sets the claims of the object", () => {
    expect(appraised('trust_claims := {"hardware": 2, "file-system": 0}').vector).toEqual({ hardware: 2, "file-system": 0 });
  });

  test("counts the worse of two values", () => {
    const rules = (single: number, member: number) => `hardware := ${single}\ntrust_claims := {"hardware": ${member}, "executables": 3}`;
    expect(appraised(rules(2, 97)).vector).toEqual({ hardware: 97, executables: 3 });
    expect(appraised(rules(97, 2)).vector).toEqual({ hardware: 97, executables: 3 });
    expect(appraised(rules(3, 2)).vector.hardware).toBe(3);
  });

  test.each(['"x"', "[1]", "null"])("ignores %s, which is no object", (value) => {
    expect(appraised(`hardware := 2\ntrust_claims := ${value}`).vector).toEqual({ hardware: 2 });
  });
});

describe("values that are no claims", () => {
  test.each(["128", "-129", "2.5", '"2"', "true", "null", "[2]", "{2}", '{"v": 2}', "99999999999999999999"])("%s is refused", (value) => {
    expect(refusal(`hardware := ${value}`)).toBe("policy.claim-invalid");
    expect(refusal(`trust_claims := {"hardware": ${value}}`)).toBe("policy.claim-invalid");
  });

  test("no claim at all is refused", () => {
    expect(refusal("allow := true")).toBe("policy.no-claims");
    expect(refusal("hardware := 2 if false")).toBe("policy.no-claims");
    expect(refusal("trust_claims := {}")).toBe("policy.no-claims");
  });

  test("errors of the policy are errors, never claims", () => {
    expect(refusal("hardware := 2 if 1 / 0 == 1\nexecutables := 3")).toBe("policy.eval-error");
    expect(refusal("hardware := x if some x in [2, 97]")).toBe("policy.eval-error");
    expect(refusal("hardware := ")).toBe("policy.parse-error");
    expect(refusal("hardware := x")).toBe("policy.compile-error");
  });
});

describe("the level of a verdict", () => {
  const level = (more: Partial<AppraisalRequest>) => appraised("hardware := 2", more).level;
  const { "tdx.rtmr_2": _, ...withoutKernel } = REFERENCES;

  test("is L1 only where firmware, kernel, initrd and command line equal references", () => {
    expect(level({ references: REFERENCES })).toBe("L1");
  });

  test.each([
    ["no references", {}, {}],
    ["one register without reference", {}, withoutKernel],
    ["a register that differs", { rtmr_1: "77".repeat(48) }, REFERENCES],
    ["an empty reference", {}, { ...REFERENCES, "tdx.mr_td": [] }],
    ["a reference that is no array", {}, { ...REFERENCES, "tdx.mr_td": "a".repeat(96) }],
  ])("is L0 with %s", (_, body, references) => {
    expect(level({ evidence: evidenceWith({}, body), references })).toBe("L0");
  });

  test("is L0 for evidence without registers", () => {
    for (const evidence of [{}, { tdx: null }, { tdx: [] }, { tdx: { quote: { body: {} } } }, evidenceWith({}, { mr_td: "" })]) {
      expect(level({ evidence, references: { ...REFERENCES, "tdx.mr_td": [""] } })).toBe("L0");
    }
  });
});
