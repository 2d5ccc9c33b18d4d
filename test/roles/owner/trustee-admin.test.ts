import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createHash, generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bodyContext, createResponseSigner, KEYLESS_CONTEXT, SIGNATURE_HEADER } from "../../../src/protocol/index.ts";
import { connectAdmin, type TrusteeAdmin, warnOfWorld } from "../../../src/roles/owner/trustee-admin.ts";
import { createLogger } from "../../../src/system/index.ts";
import { asyncRejection } from "../../rejection.ts";

const folder = mkdtempSync(join(tmpdir(), "cai-admin-"));
const keyFile = join(folder, "admin.key");
const signer = createResponseSigner(generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey);
const identity = JSON.stringify({ tid: signer.tid, world: "production" });

/** What the trustee of a test answers; by default it signs `body` for exactly the request. */
interface Behaviour {
  readonly identity?: (target: string) => Response;
  readonly call?: (target: string, method: string, body: Uint8Array) => Response;
}
let behaviour: Behaviour = {};
const asked: string[] = [];

function signed(method: string, target: string, body: string, context: Uint8Array = KEYLESS_CONTEXT, status = 200): Response {
  const signature = signer.sign({ method, target, status, context, body: new TextEncoder().encode(body) });
  return new Response(body, { status, headers: { [SIGNATURE_HEADER]: signature } });
}

const server = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  async fetch(request) {
    const { pathname, search } = new URL(request.url);
    const target = pathname + search;
    const body = new Uint8Array(await request.arrayBuffer());
    asked.push(`${request.method} ${target}`);
    if (pathname.endsWith("/cai/identity")) return behaviour.identity?.(target) ?? signed("GET", target, identity);
    return behaviour.call?.(target, request.method, body) ?? signed(request.method, target, "", bodyContext(body));
  },
});

function connect(next: Behaviour = {}, pin?: string): Promise<TrusteeAdmin> {
  behaviour = next;
  const settings = { trustee: server.url.href, "admin-key": keyFile, "trustee-pin": pin, ca: undefined };
  return connectAdmin(settings, AbortSignal.timeout(10_000));
}

beforeAll(() => {
  writeFileSync(keyFile, generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }));
});
afterAll(() => {
  server.stop(true);
  rmSync(folder, { recursive: true });
});

describe("an administrator's connection", () => {
  test("takes the pinned trustee and no other", async () => {
    await connect({}, `tid:${signer.tid}`);
    const other = createHash("sha256").digest("base64url");
    expect((await asyncRejection(connect({}, `tid:${other}`))).id).toBe("owner.trustee-mismatch");
  });

  test("takes no proof of identity that was recorded before, though the pinned trustee signed it", async () => {
    const recorded = signed("GET", "/kbs/v0/cai/identity", identity);
    const replay = () => new Response(identity, { headers: recorded.headers });
    expect((await asyncRejection(connect({ identity: replay }, `tid:${signer.tid}`))).id).toBe("agent.response-mismatch");
    const unsigned = () => new Response(identity);
    expect((await asyncRejection(connect({ identity: unsigned }))).id).toBe("agent.trustee-mismatch");
    const questions = asked.filter((line) => line.includes("cai/identity"));
    expect(new Set(questions).size).toBe(questions.length);
  });

  test("believes from the trustee alone that a secret was stored, listed or removed", async () => {
    const post = { method: "POST", path: "cai/resources", body: "{}", secret: true } as const;
    const list = { method: "GET", path: "resources" } as const;
    const remove = { method: "DELETE", path: "resource/a/b/c" } as const;
    const honest = await connect();
    await honest.call(post);
    await honest.call(remove);
    const idWith = async (call: NonNullable<Behaviour["call"]>, request: Parameters<TrusteeAdmin["call"]>[0]) =>
      (await asyncRejection((await connect({ call })).call(request))).id;
    for (const request of [post, list, remove]) {
      expect(await idWith(() => new Response(""), request)).toBe("agent.trustee-mismatch");
      const old: NonNullable<Behaviour["call"]> = (target, method, body) =>
        signed(method, target.split("?")[0]!, "[]", method === "GET" ? KEYLESS_CONTEXT : bodyContext(body));
      expect(await idWith(old, request)).toBe("agent.response-mismatch");
    }
  });

  test("says before a secret goes there that a trustee is simulated, and takes no trustee that does not say which it is", async () => {
    const saying = (text: string) => connect({ identity: (target) => signed("GET", target, text) });
    const warnings: string[] = [];
    const log = createLogger("info", false, (line) => warnings.push(line));
    warnOfWorld(await saying(identity), log);
    expect(warnings).toEqual([]);
    warnOfWorld(await saying(JSON.stringify({ tid: signer.tid, world: "simulated" })), log);
    expect(warnings[0]).toContain("simulated");
    for (const text of [JSON.stringify({ tid: signer.tid }), JSON.stringify({ tid: signer.tid, world: "real" })])
      expect((await asyncRejection(saying(text))).id).toBe("net.response-invalid");
  });

  test("shows what a trustee says without its control characters", async () => {
    const body = JSON.stringify({ type: "x/AdminAuth", detail: "no\u001b[2J\nhint: run this", id: "admin.forbidden" });
    const error = await asyncRejection(
      (await connect({ call: () => new Response(body, { status: 403 }) })).call({ method: "GET", path: "rvps/query" }),
    );
    expect([error.id, error.message]).toEqual(["admin.forbidden", "the trustee refused GET rvps/query: no [2J hint: run this"]);
  });
});
