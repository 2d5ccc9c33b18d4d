import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { Challenges } from "../../../src/roles/trustee/as/challenges.ts";
import type { Store } from "../../../src/roles/trustee/store/index.ts";
import { TokenSigners } from "../../../src/roles/trustee/token-signers.ts";
import { START } from "./kbs-world.ts";
import { kinds, type TestStore, testStore } from "./store/databases.ts";

const jwtIn = (challenge: string) => (JSON.parse(challenge) as { "extra-params": { jwt: string } })["extra-params"].jwt;

describe.each(kinds.filter(({ name }) => name === "PostgreSQL").map((kind) => [kind.name, kind] as const))(
  "replicas over %s",
  (_, kind) => {
    let place: TestStore;
    let stores: Store[];
    beforeEach(async () => {
      place = await testStore(kind);
      stores = await Promise.all([0, 1].map(() => place.open(START)));
    });
    afterEach(async () => {
      await Promise.all(stores.map((store) => store.close()));
      await place.end();
    });

    test("sign with the same key, also when one of them was told to rotate, and take each other's tokens", async () => {
      const [one, other] = stores.map((store) => new TokenSigners(store, "openanolis"));
      const before = (await other!.signing("ES256", START)).kid;
      const kid = await one!.rotate({ alg: "ES256", from: START, alone: false, now: START });
      for (const replica of [one!, other!]) {
        expect((await replica.signing("ES256", START)).kid).toBe(kid);
        expect((await replica.accepted("ES256", START)).map((signer) => signer.kid)).toEqual([before, kid]);
      }
    });

    test("have one key for challenges and one for simple tokens, though both ask for the first at once", async () => {
      const challenges = stores.map((store) => new Challenges(store));
      const jwts = (await Promise.all(challenges.map((each) => each.issue(START)))).map(jwtIn);
      for (const each of challenges) for (const jwt of jwts) await each.verify(jwt, START);
      const kids = await Promise.all(
        stores.map(async (store) => (await new TokenSigners(store, "openanolis").signing("RS384", START)).kid),
      );
      expect(new Set(kids).size).toBe(1);
      expect((await stores[0]!.ownKeys.names()).filter((name) => /^(challenge|signer)\//.test(name))).toHaveLength(2);
    });
  },
);
