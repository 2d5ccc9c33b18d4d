import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { EarClaims } from "../../../src/protocol/index.ts";
import { type MintedClaims, signToken } from "../../../src/roles/trustee/attestation-token.ts";
import { ReleaseGrant } from "../../../src/roles/trustee/grant.ts";
import { loadTrusteeKeys, type TrusteeKeys } from "../../../src/roles/trustee/identity.ts";
import { initTrustee } from "../../../src/roles/trustee/init.ts";
import type { SigningTokenSigner } from "../../../src/roles/trustee/token-signers.ts";
import { Guest, START } from "./kbs-world.ts";
import { idOf, openData, scratchData } from "./scratch.ts";

const { dataDir, remove } = scratchData();
let keys: TrusteeKeys;
let signer: SigningTokenSigner;
beforeAll(async () => {
  await initTrustee({ dataDir, simulated: true });
  const store = await openData(dataDir);
  keys = await loadTrusteeKeys(store);
  signer = await keys.tokens.signing("ES256", START);
  await store.close();
});
afterAll(() => remove());

const HASH = "ab".repeat(48);
const { teeKey } = new Guest({ url: "" });
const runtimeData = { "additional-evidence": "", nonce: "n", "tee-pubkey": teeKey };

const submodule = (claims: object, policy = "default"): EarClaims["submods"][string] => ({
  "ear.status": "affirming",
  "ear.trustworthiness-vector": { hardware: 2 },
  "ear.appraisal-policy-id": policy,
  "ear.veraison.annotated-evidence": claims as Record<string, never>,
});

type Cai = MintedClaims["cai"];
function claims(cai: Partial<Cai> = {}, rest: Partial<MintedClaims> = {}): MintedClaims {
  return {
    eat_profile: "profile",
    iat: START,
    exp: START + 300,
    "ear.verifier-id": { developer: "cai", build: "test" },
    submods: { cpu0: submodule({ runtime_data_claims: runtimeData }) },
    cai: {
      v: 1,
      use: "kbs",
      tid: keys.tid,
      world: "simulated",
      fresh: "nonce",
      binding: "tagged",
      protocol: "0.4.0",
      policy_hash: HASH,
      level: "L1",
      floor: [],
      facts: {},
      ...cai,
    },
    ...rest,
  };
}

const open = (minted: object, now = START) =>
  ReleaseGrant.open([signer], signToken(signer, minted as MintedClaims), {
    tid: keys.tid,
    world: "simulated",
    policyId: "default",
    policyHash: HASH,
    versions: ["0.4.0"],
    now,
  });

describe("a token of this trustee's own signer", () => {
  test("gives the attested key where everything fits", () => {
    const grant = open(claims());
    expect(grant.teeKey).toEqual(teeKey);
    expect([grant.binding, grant.level, grant.policyHash]).toEqual(["tagged", "L1", HASH]);
    expect(() => grant.requireFloor()).not.toThrow();
  });

  const refused: [string, () => object, string][] = [
    ["minted for the attestation service", () => claims({ use: "as" }), "kbs.token-use"],
    ["without a word on its use", () => ({ ...claims(), cai: undefined }), "kbs.token-use"],
    ["of another trustee", () => claims({ tid: "A".repeat(43) }), "kbs.token-issuer"],
    ["of the other world", () => claims({ world: "production" }), "kbs.token-issuer"],
    ["under a policy that is no longer in force", () => claims({ policy_hash: "cd".repeat(48) }), "kbs.token-policy"],
    [
      "under a policy id of the caller's choice",
      () => claims({}, { submods: { cpu0: submodule({ runtime_data_claims: runtimeData }, "lax") } }),
      "kbs.token-policy",
    ],
    ["over evidence with a challenge", () => claims({ fresh: "challenge" }), "kbs.token-not-fresh"],
    ["over evidence without freshness", () => claims({ fresh: "none" }), "kbs.token-not-fresh"],
    ["without the primary submodule", () => claims({}, { submods: {} }), "kbs.token-malformed"],
    [
      "with the key in a second cpu only (I1)",
      () => claims({}, { submods: { cpu0: submodule({}), cpu1: submodule({ runtime_data_claims: runtimeData }) } }),
      "kbs.evidence-purpose",
    ],
    [
      "with the key in a device only (I1)",
      () => claims({}, { submods: { gpu0: submodule({ runtime_data_claims: runtimeData }) } }),
      "kbs.token-malformed",
    ],
    [
      "without runtime data (I1)",
      () => claims({}, { submods: { cpu0: submodule({ runtime_data_claims: null }) } }),
      "kbs.evidence-purpose",
    ],
    [
      "over runtime data of a device",
      () => claims({}, { submods: { cpu0: submodule({ runtime_data_claims: { nonce: "n", "tee-pubkey": teeKey } }) } }),
      "kbs.evidence-purpose",
    ],
    [
      "over runtime data of a gateway",
      () => claims({}, { submods: { cpu0: submodule({ runtime_data_claims: { "pubkey-hash": "x" } }) } }),
      "kbs.evidence-purpose",
    ],
    [
      "over a superset of the runtime data (I4)",
      () => claims({}, { submods: { cpu0: submodule({ runtime_data_claims: { ...runtimeData, "pubkey-hash": "x" } }) } }),
      "kbs.evidence-purpose",
    ],
    ["that does not say what the floor found", () => ({ ...claims(), cai: { ...claims().cai, floor: undefined } }), "kbs.token-malformed"],
    ["whose floor is no list of policy ids", () => claims({ floor: ["kbs.busy"] }), "kbs.token-malformed"],
    ["that has expired", () => claims({}, { exp: START }), "kbs.token-expired"],
    ["of the future", () => claims({}, { iat: START + 61 }), "kbs.token-expired"],
    ["that is no object", () => [claims()], "kbs.token-malformed"],
  ];
  for (const [what, make, id] of refused) {
    test(`${what} gives nothing`, async () => expect(await idOf(() => open(make()))).toBe(id));
  }

  test("below the floor gives a grant that release refuses with the line that did not hold (I12)", async () => {
    for (const id of ["policy.debug", "policy.simulated", "policy.collateral-expired"] as const) {
      expect(await idOf(() => open(claims({ floor: [id] })).requireFloor())).toBe(id);
    }
  });
});
