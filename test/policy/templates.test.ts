import { describe, expect, test } from "bun:test";
import {
  appraise,
  compilePolicy,
  decideRelease,
  loadFixtures,
  type TemplateName,
  type TrustVector,
  templates,
} from "../../src/policy/index.ts";
import type { JsonObject, JsonValue } from "../../src/system/index.ts";
import { BODY, evidenceWith, GOOD_VECTOR, REFERENCES, tokenWith } from "./evidence.ts";

const resource = { plugin: "resource", path: ["default", "key", "1"], query: {} };
const allows = (name: TemplateName, token: JsonObject) => decideRelease({ policyText: templates[name], token, resource, now: 0 }).allowed;

const simulated = evidenceWith({ simulated: true });
const simulatedToken = tokenWith({ ...GOOD_VECTOR }, { evidence: simulated, cai: { world: "simulated" } });

test("every template compiles and denies by default", () => {
  for (const name of Object.keys(templates) as TemplateName[]) {
    expect(compilePolicy(templates[name]).evaluate("data.policy.allow", { input: {} }) ?? false).toBe(false);
  }
});

test("deny-all releases nothing", () => {
  expect(allows("deny-all", tokenWith())).toBe(false);
  expect(allows("deny-all", simulatedToken)).toBe(false);
});

describe.each([
  ["affirming", tokenWith(), evidenceWith()],
  ["affirming-plain", tokenWith(), evidenceWith()],
  ["affirming-simulated", simulatedToken, simulated],
] as const)("the resource template %s", (name, good, evidence) => {
  const world = { world: (good["cai"] as JsonObject)["world"]! };
  const withVector = (vector: { readonly [claim: string]: JsonValue }) =>
    allows(name, tokenWith({ ...GOOD_VECTOR, ...vector }, { evidence, cai: world }));
  const withTdx = (tdx: { readonly [name: string]: JsonValue }) => {
    const changed = { ...evidence, tdx: { ...(evidence["tdx"] as JsonObject), ...tdx } };
    return allows(name, tokenWith({ ...GOOD_VECTOR }, { evidence: changed, cai: world }));
  };

  test("allows an affirming TEE of its world", () => {
    expect(allows(name, good)).toBe(true);
    expect(withVector({ "file-system": 2 })).toBe(true);
    expect(withVector({ "file-system": 0 })).toBe(true);
  });

  test.each([0, 1, -1, -2, -97, 33, 36, 96, 97, null, "2", true])("denies the value %p of a claim it demands", (value) => {
    for (const claim of ["configuration", "executables", "hardware"]) expect(withVector({ [claim]: value })).toBe(false);
  });

  test.each([35, 97, -97, null, "2"])("denies the value %p of file-system", (value) => {
    expect(withVector({ "file-system": value })).toBe(false);
  });

  test("denies a vector that leaves out a claim it demands", () => {
    for (const claim of ["configuration", "executables", "hardware"] as const) {
      const { [claim]: _, ...rest } = GOOD_VECTOR as { [claim: string]: number };
      expect(allows(name, tokenWith(rest, { evidence, cai: world }))).toBe(false);
    }
  });

  test.each(["none", "warning", "contraindicated", null])("denies the status %p", (status) => {
    expect(allows(name, tokenWith({ ...GOOD_VECTOR }, { status, evidence, cai: world }))).toBe(false);
  });

  test("denies the other world, and one that is not stated", () => {
    expect(allows(name, name === "affirming-simulated" ? tokenWith() : simulatedToken)).toBe(false);
    expect(withTdx({ simulated: !(evidence["tdx"] as JsonObject)["simulated"] })).toBe(false);
    expect(withTdx({ simulated: null })).toBe(false);
    expect(allows(name, tokenWith({ ...GOOD_VECTOR }, { evidence, cai: { world: null } }))).toBe(false);
  });

  test("denies debug, and a platform that does not say", () => {
    expect(withTdx({ td_attributes: { debug: true } })).toBe(false);
    expect(withTdx({ td_attributes: {} })).toBe(false);
    expect(withTdx({ td_attributes: null })).toBe(false);
  });

  test("denies a token whose affirming evidence is not cpu0's", () => {
    const { cpu0 } = good["submods"] as JsonObject;
    expect(allows(name, { ...good, submods: { cpu1: cpu0!, gpu0: cpu0! } })).toBe(false);
    expect(allows(name, { ...good, submods: {} })).toBe(false);
    expect(allows(name, {})).toBe(false);
  });

  test.each([
    ["tagged", true],
    ["plain", name === "affirming-plain"],
    ["none", false],
    [null, false],
  ] as const)("answers to the binding %p with %p", (binding, allowed) => {
    expect(allows(name, tokenWith({ ...GOOD_VECTOR }, { evidence, cai: { ...world, binding } }))).toBe(allowed);
  });

  test("denies a token without members of this program", () => {
    const { cai: _, ...upstream } = good;
    expect(allows(name, upstream)).toBe(false);
  });
});

describe.each([
  ["attestation", false],
  ["attestation-simulated", true],
] as const)("the attestation template %s", (name, world) => {
  const graded = (tdx: { readonly [name: string]: JsonValue } = {}, body: Partial<typeof BODY> = {}, references: JsonObject = REFERENCES) =>
    appraise({
      policyText: templates[name],
      policyId: "default",
      evidence: evidenceWith({ simulated: world, ...tdx }, body),
      floor: [],
      references,
    });
  const vector = (...args: Parameters<typeof graded>): TrustVector => graded(...args).vector;

  test("affirms a TD that equals its reference values", () => {
    expect(graded()).toMatchObject({ vector: GOOD_VECTOR, status: "affirming", level: "L1" });
  });

  test("affirms nothing but the hardware without reference values", () => {
    expect(graded({}, {}, {})).toMatchObject({
      vector: { hardware: 2, executables: 33, configuration: 36 },
      status: "warning",
      level: "L0",
    });
  });

  test.each(["mr_td", "rtmr_0", "rtmr_1", "rtmr_2"] as const)("does not affirm executables where %s differs", (register) => {
    expect(vector({}, { [register]: "77".repeat(48) }).executables).toBe(33);
    expect(vector({}, {}, { ...REFERENCES, [`tdx.${register}`]: [] }).executables).toBe(33);
    expect(vector({}, {}, { ...REFERENCES, [`tdx.${register}`]: BODY[register] }).executables).toBe(33);
    const { [`tdx.${register}`]: _, ...rest } = REFERENCES;
    expect(vector({}, {}, rest).executables).toBe(33);
  });

  test.each([
    ["tdx.rtmr_3", "executables", BODY.rtmr_3],
    ["tdx.mr_seam", "hardware", BODY.mr_seam],
    ["tdx.tcb_svn", "hardware", BODY.tcb_svn],
    ["tdx.xfam", "configuration", BODY.xfam],
  ] as const)("narrows by %s where it is given", (reference, claim, value) => {
    expect(vector({}, {}, { ...REFERENCES, [reference]: [value] })).toEqual(GOOD_VECTOR);
    for (const other of [["00"], [], value, null, {}]) {
      const graded = vector({}, {}, { ...REFERENCES, [reference]: other });
      // A null stored as a reference value cannot be told from one that was never given.
      if (other === null) expect(graded).toEqual(GOOD_VECTOR);
      else expect(graded[claim]!).toBeGreaterThanOrEqual(33);
    }
  });

  test("contraindicates the hardware of the other world, and affirms nothing of it", () => {
    for (const simulated of [!world, null, "false"]) {
      expect(vector({ simulated })).toEqual({ hardware: 97, executables: 33, configuration: 36 });
    }
  });

  test.each(["OutOfDate", "SWHardeningNeeded", "ConfigurationNeeded", "Revoked", "", null])(
    "contraindicates the TCB status %p",
    (status) => {
      expect(vector({ tcb_status: status }).hardware).toBe(97);
      expect(vector({ tcb_status_current: status }).hardware).toBe(97);
      expect(vector({ tcb_status_current: "UpToDate" }).hardware).toBe(2);
    },
  );

  test.each([{ collateral_expired: true }, {}, null, { collateral_expired: "false" }])("contraindicates collateral %j", (standing) => {
    expect(vector({ tcb_verification: standing }).hardware).toBe(97);
  });

  test("does not affirm the configuration of a debug TD, however it is told", () => {
    expect(vector({ td_attributes: { debug: true } }).configuration).toBe(36);
    expect(vector({ td_attributes: {} }).configuration).toBe(36);
    for (const attributes of ["0100001000000000", "8000001000000000", "0000", "", "000000100000000"]) {
      expect(vector({}, { td_attributes: attributes }).configuration).toBe(36);
    }
  });

  test("affirms nothing of evidence that is none of TDX", () => {
    const empty = appraise({ policyText: templates[name], policyId: "d", evidence: {}, floor: [], references: REFERENCES });
    expect(empty.vector).toEqual({ hardware: 97, executables: 33, configuration: 36 });
    const enclave = { header: { tee_type: "00000000" }, body: BODY };
    expect(vector({ quote: enclave }).hardware).toBe(97);
  });
});

test("the attestation templates are one set of rules for two worlds", () => {
  const rules = (name: TemplateName) => templates[name].slice(templates[name].indexOf("\npackage policy"));
  const world = (value: boolean) => `input[platform].simulated == ${value}`;
  expect(rules("attestation").split(world(false))).toHaveLength(2);
  // Sample evidence is simulated always, so it has rules in one world only.
  const sample = /# Sample evidence.*(?=# Shared by the platforms)/s;
  expect(rules("attestation")).not.toMatch(sample);
  expect(rules("attestation-simulated").replace(sample, "")).toBe(rules("attestation").replace(world(false), world(true)));
});

describe("sample evidence", () => {
  const shapes = [
    { svn: "1", report_data: "AA==", measure_register: "ab".repeat(32), cc_eventlog: null, simulated: true },
    { svn: "1", report_data: "AA==", launch_digest: "abcde", platform_version: { major: 1, minor: 4 }, debug: false, simulated: true },
  ] as const;
  const references = { "sample.svn": ["1"], "sample.measure_register": ["ab".repeat(32)], "sample.launch_digest": ["abcde"] };
  const graded = (name: TemplateName, members: JsonObject, values: JsonObject = references) =>
    appraise({ policyText: templates[name], policyId: "default", evidence: members, floor: [], references: values });
  const nothing = { hardware: 97, executables: 33, configuration: 36 };

  test.each(shapes)("is affirmed in the simulated world where it equals its references, at level L0: %j", (sample) => {
    expect(graded("attestation-simulated", { sample })).toMatchObject({ vector: GOOD_VECTOR, status: "affirming", level: "L0" });
    expect(graded("attestation-simulated", { sample }, {}).vector).toEqual(nothing);
    expect(graded("attestation-simulated", { sample: { ...sample, simulated: false } }).vector).toEqual(nothing);
    expect(graded("attestation-simulated", { sample: { ...sample, svn: "2" } }).vector).toEqual({ ...GOOD_VECTOR, hardware: 97 });
    expect(graded("attestation-simulated", { sample: { ...sample, debug: true } }).vector).toEqual({ ...GOOD_VECTOR, configuration: 36 });
    expect(graded("attestation", { sample }).vector).toEqual(nothing);
  });

  test("affirms nothing beside other evidence, and takes nothing from it", () => {
    const both = { ...evidenceWith({ simulated: true }), sample: shapes[0] };
    expect(graded("attestation-simulated", both, { ...references, ...REFERENCES }).vector).toEqual(nothing);
    expect(graded("attestation-simulated", both, { ...references, ...REFERENCES }).level).toBe("L0");
  });

  test.each(shapes)("opens resources under the template affirming-sample and under no other: %j", (sample) => {
    const token = (binding: string, world = "simulated", claims: JsonObject = {}) =>
      tokenWith({ ...GOOD_VECTOR }, { evidence: { sample: { ...sample, ...claims } }, cai: { world, binding } });
    for (const name of Object.keys(templates) as TemplateName[]) {
      expect(allows(name, token("plain"))).toBe(name === "affirming-sample");
      expect(allows(name, token("tagged"))).toBe(name === "affirming-sample");
    }
    expect(allows("affirming-sample", token("none"))).toBe(false);
    expect(allows("affirming-sample", token("plain", "production"))).toBe(false);
    for (const claims of [{ simulated: false }, { simulated: null }, { debug: true }]) {
      expect(allows("affirming-sample", token("plain", "simulated", claims))).toBe(false);
    }
    expect(allows("affirming-sample", simulatedToken)).toBe(false);
    for (const value of [0, 1, 33, 97, -97, null]) {
      const changed = tokenWith(
        { ...GOOD_VECTOR, hardware: value as number },
        { evidence: { sample }, cai: { world: "simulated", binding: "plain" } },
      );
      expect(allows("affirming-sample", changed)).toBe(false);
    }
  });
});

describe("the level that a platform of the attestation template reaches", () => {
  const states = async (platform: string) => ((await loadFixtures()) as { readonly [name: string]: JsonObject })[platform]!;
  const of = (evidence: JsonObject, references: JsonObject) =>
    appraise({ policyText: templates.attestation, policyId: "default", evidence, floor: [], references });

  test.each([
    ["tdx", "L1"],
    ["csv", "L1"],
    ["snp", "L0"],
    ["sgx", "L0"],
  ] as const)("on %s is %s", async (platform, level) => {
    const { evidence, references } = (await states(platform))["affirming"] as { readonly [name: string]: JsonObject };
    expect(of(evidence!, references!)).toMatchObject({ vector: GOOD_VECTOR, status: "affirming", level });
  });

  test.each(["measure", "rtmr1", "rtmr2", "rtmr3"])("on csv falls to L0 without %s", async (register) => {
    const { evidence, references } = (await states("csv"))["affirming"] as { readonly [name: string]: JsonObject };
    const { [`csv.${register}`]: _, ...rest } = references!;
    expect(of(evidence!, rest).level).toBe("L0");
    const changed = { ...evidence, csv: { ...(evidence!["csv"] as JsonObject), [register]: "00" } };
    expect(of(changed, references!).level).toBe("L0");
  });

  test("falls to L0 where the evidence names a second platform", async () => {
    const { evidence, references } = (await states("tdx"))["affirming"] as { readonly [name: string]: JsonObject };
    expect(of({ ...evidence, sgx: {} }, references!)).toMatchObject({
      vector: { hardware: 97, executables: 33, configuration: 36 },
      level: "L0",
    });
  });
});
