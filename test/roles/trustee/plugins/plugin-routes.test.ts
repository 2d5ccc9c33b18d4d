import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { openJwe } from "../../../../src/crypto/index.ts";
import type { PeerFamily } from "../../../../src/protocol/index.ts";
import { attest } from "../../../../src/roles/trustee/attestation.ts";
import { type Plugin, pluginRoutes } from "../../../../src/roles/trustee/plugins/index.ts";
import type { Call, Route } from "../../../../src/roles/trustee/route.ts";
import { CaiError } from "../../../../src/system/index.ts";
import { rejection } from "../../../rejection.ts";
import { Guest, START } from "../kbs-world.ts";
import { idOf } from "../scratch.ts";
import { openParts, type TrusteeParts } from "../trustee-parts.ts";

let world: TrusteeParts;
let guest: Guest;
let token: string;
const asked: string[] = [];

beforeAll(async () => {
  world = await openParts();
  guest = new Guest({ url: "" });
  const request = JSON.stringify({ version: "0.4.0", tee: "tdx", "extra-params": { cai: { v: 1 } } });
  const { sessionId, challenge } = world.parts.handshakes.open(new TextEncoder().encode(request), START);
  const { nonce } = JSON.parse(challenge) as { nonce: string };
  const body = new TextEncoder().encode(guest.attestBody({ cookie: "", nonce, tid: world.parts.keys.tid }));
  ({ token } = await attest(world.parts, { body, sessionId, client: "test", now: START }));
});
afterAll(() => world.end());
afterEach(() => {
  asked.length = 0;
});

const setPolicy = (text: string) => world.parts.store.policies.put("", "resource", "default", text);

/** A plugin that gives out whatever is asked for, and writes down that it was asked. */
const nebula: Plugin = {
  name: "nebula-ca",
  calls: [
    {
      method: "GET",
      path: "*",
      right: "token",
      about: { summary: "Gives out what is asked for", rest: "anything" },
      encrypted: true,
      segments: (rest) => rest.split("/"),
      async content(segments, query) {
        asked.push(segments.join("/"));
        if (segments.includes("missing")) throw new CaiError("kbs.resource-missing", "nothing");
        return new TextEncoder().encode(JSON.stringify({ segments, query }));
      },
    },
    {
      method: "POST",
      path: "ca/renew",
      about: { summary: "Renews the authority" },
      right: "key.write",
      bodyLimit: 10,
      handle: async ({ body }) => ({ body: `renewed with ${body.length}` }),
    },
  ],
};

function routesOf(plugins: readonly Plugin[], family: PeerFamily = "openanolis"): Route[] {
  return pluginRoutes({ ...world.parts, family }, plugins);
}

function call(path: string, query = "", members: Partial<Call> = {}): Call {
  return {
    method: "GET",
    path,
    query: new URLSearchParams(query),
    headers: new Headers({ authorization: `Bearer ${token}` }),
    body: new Uint8Array(0),
    realm: "",
    client: "test",
    requestId: "test",
    now: START,
    setContext: () => {},
    ...members,
  };
}

describe("a plugin (trustee.md §3.5)", () => {
  test("has routes below its own name, with the right that each of its calls wants", () => {
    expect(routesOf([nebula]).map(({ method, path, right, place, signed }) => [method, path, right, place, signed])).toEqual([
      ["POST", "/kbs/v0/nebula-ca/ca/renew", "key.write", "admin", true],
      ["GET", "/kbs/v0/nebula-ca/*", "session", "resource", true],
    ]);
  });

  test("answers an attested guest with a JWE that only its key opens, named after plugin and path", async () => {
    await setPolicy("package policy\nimport rego.v1\nallow := true\n");
    const [, get] = routesOf([nebula]);
    const { body = "", type } = await get!.handle(call("/kbs/v0/nebula-ca/credential/x", "name=a&ip=b"));
    const { plaintext, caiUri } = openJwe(JSON.parse(body), guest.privateKey);
    expect(JSON.parse(new TextDecoder().decode(plaintext))).toEqual({ segments: ["credential", "x"], query: { name: "a", ip: "b" } });
    expect([caiUri, type]).toEqual(["kbs+nebula-ca:///credential/x", undefined]);
  });

  test("answers an administrator in the clear, as text/xml", async () => {
    const [post] = routesOf([nebula]);
    const reply = await post!.handle(call("/kbs/v0/nebula-ca/ca/renew", "", { method: "POST", body: new Uint8Array(3) }));
    expect(reply).toEqual({ body: "renewed with 3", type: "text/xml" });
  });

  test("is not asked before policy has allowed it, so that nobody learns what there is (I20)", async () => {
    await setPolicy("package policy\n");
    const [, get] = routesOf([nebula]);
    for (const path of ["there", "missing"]) {
      expect(await idOf(() => get!.handle(call(`/kbs/v0/nebula-ca/${path}`)))).toBe("kbs.policy-denied");
    }
    expect(await idOf(() => get!.handle(call("/kbs/v0/nebula-ca/there", "", { headers: new Headers() })))).toBe("kbs.token-missing");
    expect(asked).toEqual([]);
  });

  test.each([
    ["openanolis", 'data["resource-path"] == "nebula-ca/credential/x"'],
    ["coco", 'data["resource-path"] == ["credential", "x"]'],
  ] as const)("is named to the policy in the form of the family %s (§5.6)", async (family, form) => {
    const [, get] = routesOf([nebula], family);
    const policy = (plugin: string) =>
      `package policy\nimport rego.v1\nallow if {\n\t${form}\n\tdata.plugin == "${plugin}"\n\tdata.query.name == "a"\n\tdata["resource-path-parts"] == ["credential", "x"]\n}\n`;
    await setPolicy(policy("nebula-ca"));
    expect(await idOf(() => get!.handle(call("/kbs/v0/nebula-ca/credential/x", "name=a")))).toBe("done");
    await setPolicy(policy("resource"));
    expect(await idOf(() => get!.handle(call("/kbs/v0/nebula-ca/credential/x", "name=a")))).toBe("kbs.policy-denied");
  });

  test("is recorded under its name", async () => {
    await setPolicy("package policy\nimport rego.v1\nallow := true\n");
    const [, get] = routesOf([nebula]);
    await get!.handle(call("/kbs/v0/nebula-ca/credential"));
    const [latest] = await world.parts.store.decisions.list({ limit: 1 });
    expect(latest).toMatchObject({ kind: "release", outcome: "allowed", subject: "nebula-ca/credential" });
  });

  test("that would answer a token in the clear is refused at start (I20)", () => {
    const open: Plugin = { name: "open", calls: [{ ...nebula.calls[0]!, encrypted: false } as Plugin["calls"][number]] };
    expect(rejection(() => routesOf([nebula, open])).id).toBe("kbs.plugin-unencrypted");
  });

  test("that answers what another one answers, or has a name of the protocol's own, is refused at start", () => {
    expect(rejection(() => routesOf([nebula, { ...nebula }])).id).toBe("kbs.plugin-conflict");
    for (const name of ["auth", "resources", "cai", "A", "", "a/b", "..", "a%2f"]) {
      expect(rejection(() => routesOf([{ ...nebula, name }])).id).toBe("kbs.plugin-conflict");
    }
  });
});
