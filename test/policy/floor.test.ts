import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  appraise,
  capVector,
  decideRelease,
  type FloorFacts,
  floor,
  statusOf,
  TRUST_CLAIMS,
  type TrustVector,
  templates,
} from "../../src/policy/index.ts";
import { evidenceWith, FACTS, tokenWith } from "./evidence.ts";

const idsOf = (facts: Partial<FloorFacts>) => floor({ ...FACTS, ...facts }).map(({ id }) => id);

/** Every line of the floor, with facts that it alone refuses (security.md §4). */
const LINES: readonly (readonly [string, Partial<FloorFacts>, "configuration" | "hardware"])[] = [
  ["policy.simulated", { simulated: true }, "hardware"],
  ["policy.simulated", { world: "simulated" }, "hardware"],
  ["policy.debug", { debug: true }, "configuration"],
  ["policy.collateral-expired", { collateralExpiredFor: 1 }, "hardware"],
  ["policy.collateral-expired", { collateralExpiredFor: Number.NaN }, "hardware"],
  ["policy.platform-denied", { identifiers: ["A0B1", "ff"], denied: ["00", "a0b1"] }, "hardware"],
  ["policy.not-bound", { bound: false }, "hardware"],
  ["policy.not-fresh", { fresh: "none" }, "hardware"],
  ["policy.not-fresh", { fresh: "none", acceptChallenge: true }, "hardware"],
  ["policy.not-fresh", { fresh: "challenge" }, "hardware"],
  ["policy.tcb-revoked", { tcbStatus: "Revoked" }, "hardware"],
];

const ALLOW_ALL = {
  attestation: "package policy\nhardware := 2\nexecutables := 3\nconfiguration := 2\nfile_system := 2\n",
  resource: "package policy\nallow := true\n",
};

const RESOURCE = { plugin: "resource", path: ["default", "key", "1"], query: {} };

describe("the floor", () => {
  test("has no hit for sound facts", () => {
    expect(floor(FACTS)).toEqual([]);
    expect(idsOf({ world: "simulated", simulated: true })).toEqual([]);
    expect(idsOf({ fresh: "challenge", acceptChallenge: true })).toEqual([]);
    expect(idsOf({ identifiers: ["a"], denied: ["b"] })).toEqual([]);
  });

  test("takes collateral within the grace period, which has an upper bound", () => {
    const day = 86_400;
    expect(idsOf({ collateralExpiredFor: day, collateralGrace: day })).toEqual([]);
    expect(idsOf({ collateralExpiredFor: day + 1, collateralGrace: day })).toEqual(["policy.collateral-expired"]);
    expect(idsOf({ collateralExpiredFor: 30 * day, collateralGrace: 365 * day })).toEqual([]);
    expect(idsOf({ collateralExpiredFor: 30 * day + 1, collateralGrace: 365 * day })).toEqual(["policy.collateral-expired"]);
  });

  test("does not ask an appraisal that opens nothing to be bound and fresh", () => {
    expect(idsOf({ purpose: "appraisal", bound: false, fresh: "none" })).toEqual([]);
    expect(idsOf({ purpose: "appraisal", debug: true })).toEqual(["policy.debug"]);
  });

  test("names all lines that do not hold", () => {
    expect(idsOf({ simulated: true, debug: true, tcbStatus: "Revoked" })).toEqual([
      "policy.simulated",
      "policy.debug",
      "policy.tcb-revoked",
    ]);
  });
});

describe.each(LINES)("%s under an allow-all attestation policy (%j)", (id, facts, claim) => {
  const hits = floor({ ...FACTS, ...facts });

  test("is the only hit", () => {
    expect(hits.map((hit) => hit.id as string)).toEqual([id]);
  });

  test("makes the token contraindicated, so that policies which know no floor refuse too", () => {
    const appraisal = appraise({ policyText: ALLOW_ALL.attestation, policyId: "default", evidence: {}, floor: hits, references: {} });
    expect(appraisal.status).toBe("contraindicated");
    expect(appraisal.vector[claim]).toBe(claim === "hardware" ? 97 : 96);
    expect(appraisal.floorHits).toEqual(hits);

    const evidence = evidenceWith();
    const token = tokenWith({ ...appraisal.vector }, { status: appraisal.status, evidence });
    expect(decideRelease({ policyText: templates.affirming, token, resource: RESOURCE, now: 0 }).allowed).toBe(false);
    const upstream = `package policy\nimport rego.v1\nallow if {\n\tevery claim in ["configuration", "executables", "file-system", "hardware"] {
      input.submods.cpu0["ear.trustworthiness-vector"][claim] <= 32\n\t}\n}\n`;
    expect(decideRelease({ policyText: upstream, token, resource: RESOURCE, now: 0 })).toMatchObject({
      allowed: false,
      id: "policy.denied",
    });
  });

  test("denies the release under an allow-all resource policy", () => {
    const request = { policyText: ALLOW_ALL.resource, token: tokenWith(), resource: RESOURCE, now: 0 };
    expect(decideRelease({ ...request, floor: [] }).allowed).toBe(true);
    const decision = decideRelease({ ...request, floor: hits });
    expect(decision).toEqual({ allowed: false, id: hits[0]!.id, reason: `${id}: ${hits[0]!.message}` });
  });
});

test("capping only ever lowers, whatever the vector was", () => {
  const vectors = fc.dictionary(fc.constantFrom(...TRUST_CLAIMS), fc.integer({ min: -128, max: 127 })) as fc.Arbitrary<TrustVector>;
  fc.assert(
    fc.property(vectors, fc.constantFrom(...LINES), (vector, [, facts, claim]) => {
      const capped = capVector(vector, floor({ ...FACTS, ...facts }));
      expect(statusOf(capped)).toBe("contraindicated");
      // The upstream comparison `<= 32` refuses it as well.
      expect(capped[claim]!).toBeGreaterThanOrEqual(96);
      for (const other of TRUST_CLAIMS) if (other !== claim) expect(capped[other]).toBe(vector[other]!);
    }),
  );
});
