import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { unverifiedFacts } from "../../../src/roles/trustee/unverified.ts";

const instance = (value: string) => unverifiedFacts(new Headers({ AAInstanceInfo: value }));

describe("what a client says of itself (I18)", () => {
  test("is taken member by member, as short texts", () => {
    const facts = instance(
      JSON.stringify({ instance_id: "i".repeat(500), ip: "192.0.2.1", image_id: 1, instance_name: "", token: "secret" }),
    );
    expect(facts).toEqual({ instance_id: "i".repeat(128), ip: "192.0.2.1" });
  });

  test("is nothing where there is nothing to take", () => {
    for (const value of ["", "{", "null", "[]", "7", "{}", JSON.stringify({ instance_id: "x".repeat(5000) })]) {
      expect(instance(value)).toBeUndefined();
    }
    expect(unverifiedFacts(new Headers())).toBeUndefined();
  });

  test("never steers a terminal, whatever it is", () => {
    fc.assert(
      fc.property(fc.string(), fc.string({ unit: "binary" }), (id, forwarded) => {
        const headers = { get: (name: string) => (name === "x-forwarded-for" ? forwarded : JSON.stringify({ instance_id: id })) };
        for (const text of Object.values(unverifiedFacts(headers as Headers) ?? {})) expect(text).not.toMatch(/\p{Cc}/u);
      }),
    );
  });
});
