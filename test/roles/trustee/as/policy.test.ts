import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { makeAdminToken } from "../../../../src/protocol/index.ts";
import { admin, b64url, type KbsWorld, START, startKbs } from "../kbs-world.ts";
import { administer, ask, problemOf } from "./as-world.ts";

const TEXT = "package policy\nimport rego.v1\nhardware := 2\n";
const MOUNTS = ["", "/as", "/api/as", "/api/attestation-service"];
let openanolis: KbsWorld;
let coco: KbsWorld;
beforeAll(async () => {
  openanolis = await startKbs();
  coco = await startKbs({ compat: "coco" });
});
afterAll(async () => {
  await openanolis.end();
  await coco.end();
});

describe("attestation policies at the attestation service", () => {
  test("are those of the key broker, and are written with 200 and no body under every mount", async () => {
    for (const [i, mount] of MOUNTS.entries()) {
      const put = await administer(openanolis, "POST", "/policy", { policy_id: `p${i}`, policy: b64url(TEXT) }, mount);
      expect([put.status, await put.text()]).toEqual([200, ""]);
      expect(await (await admin(openanolis, "GET", `attestation-policy/p${i}`)).text()).toBe(b64url(TEXT));
      const removed = await administer(openanolis, "DELETE", `/policy/p${i}`, undefined, mount);
      expect([removed.status, await removed.text()]).toEqual([200, ""]);
      expect(await problemOf(administer(openanolis, "GET", `/policy/p${i}`, undefined, mount))).toBe(
        "404 AS.POLICY.NOT_FOUND kbs.policy-missing",
      );
    }
  });

  test("are read in the form of the family (trustee.md §4.1)", async () => {
    for (const world of [openanolis, coco]) await administer(world, "POST", "/policy", { policy_id: "mine", policy: b64url(TEXT) });
    expect(await (await administer(openanolis, "GET", "/policy/mine")).text()).toBe(b64url(TEXT));
    expect(await (await administer(coco, "GET", "/policy/mine")).text()).toBe(TEXT);
    const hash = createHash("sha384").update(TEXT).digest("base64url");
    for (const path of ["/policy", "/policies"]) {
      expect(await (await administer(openanolis, "GET", path)).json()).toContainEqual({ "policy-id": "mine", "policy-hash": hash });
      expect(await (await administer(coco, "GET", path)).json()).toEqual([{ "policy-id": "default" }, { "policy-id": "mine" }]);
    }
  });

  test("that do not compile, have no name, or are in force and to be removed are refused with the reason, since the administrator is known", async () => {
    const put = (policy_id: string, text: string) => administer(openanolis, "POST", "/policy", { policy_id, policy: b64url(text) });
    expect(await problemOf(put("broken", "package"))).toBe("400 AS.REQUEST.INVALID_ARGUMENT policy.parse-error");
    expect(await problemOf(put("a/b", TEXT))).toBe("400 AS.REQUEST.INVALID_ARGUMENT kbs.policy-id-invalid");
    expect(await problemOf(administer(openanolis, "DELETE", "/policy/default"))).toBe("409 AS.POLICY.PROTECTED kbs.policy-protected");
    expect(await problemOf(administer(openanolis, "POST", "/policy", {}))).toBe("400 AS.REQUEST.INVALID_JSON kbs.message-malformed");
  });
});

describe("nobody writes or reads them without an administrator's token for exactly that request (I23)", () => {
  const calls = [
    ["POST", "/policy", { policy_id: "x", policy: b64url(TEXT) }],
    ["DELETE", "/policy/x", undefined],
    ["GET", "/policy", undefined],
    ["GET", "/policies", undefined],
    ["GET", "/policy/default", undefined],
  ] as const;

  test.each(calls)("%s %s", async (method, path, body) => {
    const bytes = body === undefined ? new Uint8Array(0) : new TextEncoder().encode(JSON.stringify(body));
    const other = await makeAdminToken(openanolis.adminKey, openanolis.trustee.tid, { method, target: `${path}?`, body: bytes }, START);
    for (const mount of MOUNTS) {
      expect(await problemOf(ask(openanolis, method, mount + path, body))).toBe("401 AS.REQUEST.UNAUTHENTICATED admin.unauthenticated");
      expect(await problemOf(ask(openanolis, method, mount + path, body, { cookie: "admin=yes", authorization: "Bearer x.y.z" }))).toBe(
        "401 AS.REQUEST.UNAUTHENTICATED admin.unauthenticated",
      );
      expect(await problemOf(ask(openanolis, method, mount + path, body, { authorization: `Bearer ${other}` }))).toBe(
        "401 AS.REQUEST.UNAUTHENTICATED admin.token-mismatch",
      );
      const answer = await ask(coco, method, mount + path, body);
      expect([answer.status, (await answer.text()).split("\n")[2]]).toEqual([401, "1: admin.unauthenticated"]);
    }
  });
});

test("the switch for older consoles opens reading, under every mount, and no writing (I23, security.md §6)", async () => {
  const open = await startKbs({ legacyOpenAttestationPolicy: true });
  try {
    for (const mount of MOUNTS) {
      for (const path of ["/policy", "/policies", "/policy/default"]) expect((await ask(open, "GET", mount + path)).status).toBe(200);
      const put = ask(open, "POST", `${mount}/policy`, { policy_id: "x", policy: b64url(TEXT) });
      expect(await problemOf(put)).toBe("401 AS.REQUEST.UNAUTHENTICATED admin.unauthenticated");
      const removed = ask(open, "DELETE", `${mount}/policy/default`);
      expect(await problemOf(removed)).toBe("401 AS.REQUEST.UNAUTHENTICATED admin.unauthenticated");
    }
  } finally {
    await open.end();
  }
});
