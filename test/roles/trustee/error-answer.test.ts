import { describe, expect, test } from "bun:test";
import { errorAnswer } from "../../../src/roles/trustee/error-answer.ts";
import { CaiError, createLogger } from "../../../src/system/index.ts";

const log: string[] = [];
const logger = createLogger("debug", true, (line) => log.push(line));
const answer = (error: unknown, place: "auth" | "attest" | "resource" | "admin", authorized = false) => {
  const { status, body = "", headers } = errorAnswer(error, { place, authorized, family: "openanolis", path: "/kbs/v0/x" }, logger);
  return { status, headers, ...(JSON.parse(body) as { id: string; detail: string }) };
};

describe("an error's answer", () => {
  test("tells a guest that is turned away for load when to come back (I40)", () => {
    const { status, id, headers } = answer(new CaiError("kbs.busy", "full"), "attest");
    expect([status, id, headers]).toEqual([503, "kbs.busy", { "retry-after": "2" }]);
  });

  test("takes the connection from a client whose body does not come to an end (I40)", () => {
    const { status, id, headers } = answer(new CaiError("kbs.request-timeout", "slow"), "attest");
    expect([status, id, headers]).toEqual([408, "kbs.request-timeout", { connection: "close" }]);
  });

  test("tells nobody the message of what was not foreseen, and logs it", () => {
    for (const authorized of [false, true]) {
      for (const place of ["auth", "attest", "resource", "admin"] as const) {
        const { id, detail } = answer(new Error("inner words"), place, authorized);
        expect([id, detail.includes("inner words")]).toEqual(["internal.unexpected", false]);
      }
    }
    expect(log.at(-1)).toContain("inner words");
  });

  test("tells an administrator the message, and a guest at attest and resource the id alone (I27)", () => {
    const error = new CaiError("kbs.reference-invalid", "the words", { expected: "secret expectation" });
    expect(answer(error, "admin", true).detail).toContain("the words");
    expect(answer(error, "admin", false).detail).not.toContain("the words");
    for (const place of ["attest", "resource"] as const) {
      expect(JSON.stringify(answer(new CaiError("kbs.policy-denied", "the words"), place))).not.toContain("the words");
    }
    for (const place of ["auth", "attest", "resource", "admin"] as const) {
      expect(JSON.stringify(answer(error, place, true))).not.toContain("secret expectation");
    }
  });

  test("calls a failure of the trustee itself its own, also to an administrator", () => {
    expect(answer(new CaiError("store.record-tampered", "m"), "admin", true).status).toBe(500);
    expect(answer(new CaiError("store.record-tampered", "m"), "resource").status).toBe(500);
  });
});
