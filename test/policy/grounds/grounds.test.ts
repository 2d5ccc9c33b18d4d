import { describe, expect, test } from "bun:test";
import {
  appraise,
  type Grounds,
  groundsOfAppraisal,
  groundsOfRelease,
  loadFixtures,
  type Reason,
  templates,
} from "../../../src/policy/index.ts";
import type { JsonObject } from "../../../src/system/index.ts";

type Fixture = { readonly evidence: JsonObject; readonly token: JsonObject; readonly references: JsonObject };
const fixtures = (await loadFixtures()) as unknown as { readonly tdx: Readonly<Record<"affirming" | "other_software", Fixture>> };
const { affirming, other_software: other } = fixtures.tdx;

const attestation = (evidence: JsonObject, references: JsonObject = affirming.references) =>
  groundsOfAppraisal({ policyText: templates.attestation, evidence, references, now: 0 });
const release = (token: JsonObject, policyText: string = templates.affirming) =>
  groundsOfRelease({ policyText, token, resource: { plugin: "resource", path: ["default", "key", "1"], query: {} }, now: 0 });

function texts(grounds: Grounds): string[] {
  const all = (reasons: readonly Reason[]): Reason[] => reasons.flatMap((reason) => [reason, ...all(reason.because)]);
  return grounds.explanations
    .flatMap(({ reasons }) => all(reasons))
    .flatMap(({ source, values, note }) => [source, note ?? "", ...values.map(({ value }) => value)]);
}

describe("the grounds of an appraisal", () => {
  test("name the claims that the policy read, with their values, and no others", () => {
    const { claims } = attestation(affirming.evidence);
    const names = claims.map(({ name }) => name);
    expect(names).toContain("tdx.quote.body.mr_td");
    expect(claims.find(({ name }) => name === "tdx.tcb_status")?.value).toBe("UpToDate");
    expect(names.some((name) => name.startsWith("report_data") || name.includes("mr_owner"))).toBe(false);
  });

  test("say of each reference value that was asked for how it compares", () => {
    const { references } = attestation(affirming.evidence);
    expect(references.find(({ name }) => name === "tdx.mr_td")).toEqual({ name: "tdx.mr_td", state: "matched" });
    expect(references.find(({ name }) => name === "tdx.xfam")?.state).toBe("absent");
    expect(references.some(({ failed }) => failed)).toBe(false);
  });

  test("of other software name the value that it has and may not have, and the statement that failed", () => {
    const grounds = attestation(other.evidence);
    const failed = grounds.references.filter((one) => one.failed);
    expect(failed.length).toBeGreaterThan(0);
    for (const { state, got } of failed) expect([state, typeof got]).toEqual(["differs", "string"]);
    expect(texts(grounds)).toContain("claims[name] in allowed(platform, name)");
  });

  test("name a reference value that nobody gave yet, with the claim that it would be for", () => {
    const { references } = attestation(affirming.evidence, {});
    expect(references.find(({ name }) => name === "tdx.mr_td")).toMatchObject({ state: "absent", failed: true });
    expect(references.find(({ name }) => name === "tdx.mr_td")?.got).toBeString();
  });

  test("reach the last statement of a clause that holds", () => {
    const [configuration] = attestation(affirming.evidence).explanations;
    const [clause] = configuration!.reasons[0]!.because;
    expect(clause!.because.map(({ source }) => source)).toEqual([
      'right_world("tdx")',
      "input.tdx.td_attributes.debug == false",
      "not_debug_class(input.tdx.quote.body.td_attributes)",
      'count(allowed("tdx", "mr_td")) > 0',
      'matches_if_given("tdx", input.tdx.quote.body, "xfam")',
    ]);
    expect(clause!.because.flatMap(({ because }) => because)).toEqual([]);
  });

  test("agree with the appraisal, whatever was appraised before", () => {
    const cases = [affirming, other, affirming, { ...other, evidence: { ...other.evidence, report_data: "00" } }, other];
    for (const { evidence } of cases) {
      const { vector } = appraise({
        policyText: templates.attestation,
        policyId: "default",
        evidence,
        references: affirming.references,
        floor: [],
        now: 0,
      });
      const explained = Object.fromEntries(attestation(evidence).explanations.map(({ query, value }) => [query, value]));
      for (const [claim, value] of Object.entries(vector))
        expect<unknown>(explained[`data.policy.${claim.replaceAll("-", "_")}`]).toBe(value);
    }
  });

  test("are kept for evidence that is the same wherever the policy looked, and only for that", () => {
    const first = attestation(affirming.evidence);
    const nonce = { ...affirming.evidence, report_data: "ff", runtime_data_claims: { nonce: "another" } };
    expect(attestation(nonce)).toBe(first);
    const { tdx } = affirming.evidence as { tdx: JsonObject };
    const outdated = attestation({ ...affirming.evidence, tdx: { ...tdx, tcb_status: "OutOfDate" } });
    expect(outdated.claims.find(({ name }) => name === "tdx.tcb_status")?.value).toBe("OutOfDate");
    expect(attestation(affirming.evidence, { ...affirming.references, "tdx.mr_td": ["00"] }).references).not.toEqual(first.references);
  });

  test("are found anew by a policy that asks for the time", () => {
    const policyText =
      "package policy\nimport rego.v1\nhardware := 2 if time.now_ns() < 5000000000\nhardware := 97 if time.now_ns() >= 5000000000\n";
    const at = (now: number) => groundsOfAppraisal({ policyText, evidence: {}, references: {}, now }).explanations[0]?.value;
    expect([at(1), at(9), at(1)]).toEqual([2, 97, 2]);
  });

  test("of a policy that ends with an error are what it read before that", () => {
    const policyText = "package policy\nimport rego.v1\nhardware := to_number(input.tdx.name)\n";
    const grounds = groundsOfAppraisal({ policyText, evidence: { tdx: { name: "x" } }, references: {}, now: 0 });
    expect(grounds.claims).toEqual([{ name: "tdx.name", value: "x" }]);
    expect(grounds.explanations).toEqual([]);
  });

  test("are bounded: 64 claims are named, and long texts are cut", () => {
    const policyText = "package policy\nimport rego.v1\nhardware := 2 if count([v | some v in input.tdx.list]) > 0\n";
    const list = Array.from({ length: 100 }, (_, i) => `${i}`.padEnd(1000, "x"));
    const { claims, moreClaims } = groundsOfAppraisal({ policyText, evidence: { tdx: { list } }, references: {}, now: 0 });
    expect([claims.length, moreClaims]).toEqual([64, 36]);
    for (const { value } of claims) expect(String(value).length).toBeLessThanOrEqual(257);
  });
});

describe("what records do not keep (I27)", () => {
  const secret = "hunter2-in-init-data";
  const evidence = {
    ...affirming.evidence,
    init_data_claims: { "app.toml": { password: secret } },
    runtime_data_claims: { nonce: secret, "tee-pubkey": { x: secret } },
  };

  test("is not in the grounds of a policy that does not look at it, also where it shows the object around it", () => {
    const policyText = "package policy\nimport rego.v1\nhardware := 2 if f(input)\nf(x) if x.tdx.simulated == false\n";
    const grounds = groundsOfAppraisal({ policyText, evidence, references: {}, now: 0 });
    expect(grounds.withheld).toBe(false);
    expect(grounds.explanations).toHaveLength(1);
    expect(JSON.stringify(grounds)).not.toContain(secret);
  });

  const readers = [
    ["init data", 'input.init_data_claims["app.toml"].password == "other"'],
    ["init data, inside a call", 'contains(lower(input.init_data_claims["app.toml"].password), "other")'],
    ["init data, in pieces", 'split(input.init_data_claims["app.toml"].password, "-")[0] == "other"'],
    ["init data, by iterating over everything", 'walk(input, [_, "other"])'],
    ["init data, as the argument of a function", 'g(input.init_data_claims["app.toml"].password)'],
    ["runtime data", 'input.runtime_data_claims.nonce == "other"'],
  ] as const;
  for (const [what, statement] of readers) {
    test(`is not in those of one that reads it: ${what}; the statement is, without values`, () => {
      const policyText = `package policy\nimport rego.v1\ndefault hardware := 97\nhardware := 2 if ${statement}\ng(x) if x == "other"\n`;
      const grounds = groundsOfAppraisal({ policyText, evidence, references: {}, now: 0 });
      expect(grounds.withheld).toBe(true);
      expect(JSON.stringify(grounds)).not.toContain("hunter2");
      expect(texts(grounds)).toContain(statement);
      const named = grounds.claims.filter(({ withheld }) => withheld);
      expect(named.length).toBeGreaterThan(0);
      for (const claim of named) expect(claim).not.toHaveProperty("value");
    });
  }

  test("is not in the grounds of a release either", () => {
    const token = structuredClone(affirming.token) as { submods: { cpu0: { "ear.veraison.annotated-evidence": JsonObject } } };
    const { cpu0 } = token.submods;
    cpu0["ear.veraison.annotated-evidence"] = { ...cpu0["ear.veraison.annotated-evidence"], ...evidence };
    const whole = release(token as unknown as JsonObject);
    expect(whole.explanations[0]?.outcome).toBe("true");
    expect(JSON.stringify(whole)).not.toContain(secret);
    const query = groundsOfRelease({
      policyText: 'package policy\nimport rego.v1\ndefault allow := false\nallow if data.query.pin == "1"\n',
      token: {},
      resource: { plugin: "resource", path: ["a", "b", "c"], query: { pin: secret } },
      now: 0,
    });
    expect(JSON.stringify(query)).not.toContain(secret);
  });
});

describe("the grounds of a release", () => {
  test("name what the resource policy read of the token, also what it looked for in vain", () => {
    const { claims, explanations } = release(affirming.token);
    expect(claims.find(({ name }) => name === 'submods.cpu0["ear.status"]')?.value).toBe("affirming");
    expect(claims.find(({ name }) => name.endsWith('["file-system"]'))).not.toHaveProperty("value");
    expect(explanations[0]?.reasons[0]?.because[0]?.because.at(-1)?.source).toBe('input.cai.binding == "tagged"');
  });

  test("of a denial name the statement that failed with its value", () => {
    const grounds = release(other.token);
    expect(grounds.explanations[0]?.outcome).toBe("false");
    expect(texts(grounds)).toContain('cpu["ear.status"] == "affirming"');
  });

  test("differ by the resource where the policy looks at it", () => {
    const policyText = 'package policy\nimport rego.v1\ndefault allow := false\nallow if data["resource-path-parts"][0] == "default"\n';
    const of = (repository: string) =>
      groundsOfRelease({ policyText, token: {}, resource: { plugin: "resource", path: [repository, "k", "1"], query: {} }, now: 0 });
    expect([of("default"), of("other"), of("default")].map(({ explanations }) => explanations[0]?.outcome)).toEqual([
      "true",
      "false",
      "true",
    ]);
  });
});
