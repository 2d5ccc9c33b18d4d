import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readiness } from "../../../src/roles/trustee/readiness.ts";
import { CaiError, catalogue } from "../../../src/system/index.ts";
import { makeTlsIdentity } from "../../tls-identity.ts";
import { admin, expectOk, Guest, type KbsWorld, provision, refusal, START, startKbs } from "./kbs-world.ts";

let world: KbsWorld;
beforeAll(async () => {
  world = await startKbs({ trustedProxies: ["127.0.0.1"], clientRates: { auth: 1, "admin-failure": 1 }, tlsMode: "as-needed" });
  await provision(world);
});
afterAll(() => world.end());

const get = (path: string, headers: Record<string, string> = {}) => fetch(`${world.url}${path}`, { headers });

describe("health", () => {
  test("is told to everybody", async () => {
    for (const path of ["/livez", "/healthz"]) expect((await get(path)).status).toBe(200);
    const ready = await get("/readyz");
    expect([ready.status, await ready.json()]).toEqual([200, { ready: true, reasons: [], warnings: [] }]);
  });

  test("is bad while the clock is behind, and says so without a time (I15, I27)", async () => {
    const readiness = new Readiness({
      store: { ping: async () => {}, lastTime: async () => START, collateral: { newestIssue: async () => 0 } } as never,
      clock: () => START - 301,
      collateral: async () => ({ expired: 0 }),
    });
    expect(await readiness.report()).toEqual({
      ready: false,
      reasons: [{ id: "trustee.clock-behind", about: "the clock is behind" }],
      warnings: [],
    });
  });

  test("is bad while the store does not answer, warns of collateral that has expired, and ends with the trustee", async () => {
    const store = {
      ping: () => Promise.reject(new CaiError("store.unavailable", "10.0.0.1 refused the connection")),
      lastTime: async () => 0,
      collateral: { newestIssue: async () => 0 },
    };
    const parts = { store: store as never, clock: () => START, collateral: async () => ({ expired: 2 }) };
    const { ready, reasons } = await new Readiness(parts).report();
    expect([ready, reasons]).toEqual([false, [{ id: "store.unavailable", about: "the store does not answer as it should" }]]);
    const well = new Readiness({ ...parts, store: { ...store, ping: async () => {} } as never });
    expect(await well.report()).toMatchObject({ ready: true, warnings: [{ id: "tdx.collateral-expired" }] });
    const shown = new Readiness({ ...parts, store: { ...store, ping: async () => {} } as never, certificateEnd: () => START });
    expect((await shown.report()).warnings[1]).toEqual({ id: "trustee.tls-invalid", about: "the TLS certificate has expired" });
    well.drain();
    expect(await well.report()).toMatchObject({ ready: false, reasons: [{ id: "trustee.draining" }] });
  });
});

describe("a request", () => {
  test("is named as its sender named it, in the answer, the error and the log; else by a name of its own", async () => {
    const named = await fetch(`${world.url}/kbs/v0/resource/default/key/one`, { headers: { "x-request-id": "Guest-7.a_b" } });
    expect(named.headers.get("x-request-id")).toBe("Guest-7.a_b");
    expect(await named.json()).toMatchObject({ id: "kbs.token-missing", request: "Guest-7.a_b" });
    const opened = await new Guest(world).auth();
    await fetch(`${world.url}/kbs/v0/attest`, {
      method: "POST",
      headers: { "x-request-id": "attest-1", cookie: opened.cookie },
      body: JSON.stringify({ "runtime-data": { nonce: opened.nonce, "tee-pubkey": {} }, "tee-evidence": {} }),
    });
    expect((await admin(world, "GET", "resources")).headers.get("x-request-id")).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    const refused = await fetch(`${world.url}/kbs/v0/resources`, { headers: { "x-request-id": "as-admin" } });
    expect(refused.status).toBe(401);
    const decision = world.log.map((line) => JSON.parse(line) as Record<string, unknown>).find(({ request }) => request === "as-admin");
    expect(decision).toMatchObject({ message: "admin", outcome: "denied", error: "admin.unauthenticated" });
  });

  test("with a name that is none gets another, and its error does not repeat it", async () => {
    for (const name of ["a b", 'x"}', "a/b", "x".repeat(65)]) {
      const answer = await get("/kbs/v0/resource/default/key/one", { "x-request-id": name });
      expect(answer.headers.get("x-request-id")).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
      expect(await answer.json()).not.toHaveProperty("request");
    }
  });
});

describe("limits", () => {
  const auth = (forwarded?: string) =>
    fetch(`${world.url}/kbs/v0/auth`, {
      method: "POST",
      body: JSON.stringify({ version: "0.4.0", tee: "tdx", "extra-params": "" }),
      ...(forwarded !== undefined && { headers: { "x-forwarded-for": forwarded } }),
    });

  test("stop a client that asks too often, and nobody else (I40)", async () => {
    const answers = await Promise.all(Array.from({ length: 30 }, () => auth("198.51.100.1")));
    const busy = answers.filter(({ status }) => status === 503);
    expect(busy.length).toBeGreaterThanOrEqual(19);
    expect(busy[0]!.headers.get("retry-after")).toBe("2");
    expect(await busy[0]!.json()).toMatchObject({ id: "kbs.busy" });
    expect((await auth("198.51.100.2")).status).toBe(200);
    for (const { status } of await Promise.all(Array.from({ length: 30 }, () => auth()))) expect(status).toBe(200);
  });

  test("stop one who guesses at administrators' tokens, before another decision is written", async () => {
    const guess = () =>
      get("/kbs/v0/resources", { authorization: "Bearer e30.e30.AAAA", "x-forwarded-for": "198.51.100.3" }).then((answer) => answer.status);
    const statuses = await Promise.all(Array.from({ length: 40 }, guess));
    expect(statuses.filter((status) => status === 401).length).toBeLessThanOrEqual(12);
    expect(new Set(statuses)).toEqual(new Set([401, 503]));
  });

  test("count a client whom a proxy names, and the record says that nobody here has seen him (I18)", async () => {
    await get("/kbs/v0/resources", { "x-forwarded-for": "198.51.100.4" });
    expect(world.log.some((line) => line.includes('"client":"198.51.100.4 (unverified, by 127.0.0.1)"'))).toBe(true);
  });
});

describe("metrics", () => {
  const read = async () => (await get("/metrics")).text();

  test("count requests and decisions, and every label has a known value", async () => {
    const guest = new Guest(world);
    await guest.attest();
    await get("/no/such/path/canary");
    const text = await read();
    expect(text).toMatch(/cai_decisions_total\{kind="attest",outcome="allowed",tee="tdx",error=""\} \d/);
    expect(text).toMatch(/cai_decisions_total\{kind="admin",outcome="denied",tee="",error="admin.unauthenticated"\} \d/);
    expect(text).toMatch(/cai_requests_total\{route="\/kbs\/v0\/auth",method="POST",status="200"\} \d/);
    expect(text).toMatch(/cai_requests_total\{route="other",method="GET",status="404"\} \d/);
    for (const name of [
      "cai_request_seconds_count",
      "cai_store_commit_seconds_count",
      "cai_store_answer_seconds",
      "cai_limited_total",
      "cai_requests_active 1",
      "cai_requests_arriving",
      "cai_clients",
      "cai_verifier_threads",
      "cai_verifier_waiting",
      "cai_collateral_sets",
      "cai_collateral_expired",
      "cai_event_loop_delay_seconds",
      "process_resident_memory_bytes",
      "process_cpu_seconds_total",
      "process_open_fds",
      "process_start_time_seconds",
    ]) {
      expect(text).toContain(name);
    }
    const errors = [...text.matchAll(/error="([^"]+)"/g)].map(([, id]) => id!);
    for (const id of errors) expect(Object.hasOwn(catalogue, id)).toBe(true);
    // Neither an address nor a path nor a name that somebody sent (I27).
    for (const canary of ["canary", "198.51.100", "127.0.0.1", "default/key"]) expect(text).not.toContain(canary);
  });

  test("stay few, whatever strangers ask for", async () => {
    await read();
    const before = (await read()).split("\n").length;
    for (let i = 0; i < 50; i++) {
      await get(`/x${i}`);
      await fetch(`${world.url}/x`, { method: `M${i}` });
      await get(`/kbs/v0/resource/default/key/${i}`);
    }
    expect((await read()).split("\n").length).toBeLessThanOrEqual(before + 30);
  });

  test("are for this machine: not for whom a proxy on it asks", async () => {
    for (const header of ["x-forwarded-for", "forwarded", "x-real-ip"]) {
      expect(await refusal(get("/metrics", { [header]: "198.51.100.9" }))).toBe("403 admin.forbidden");
    }
  });
});

describe("several addresses", () => {
  test("carry every route each, and the one of metrics carries only them and health", async () => {
    const folder = mkdtempSync(join(tmpdir(), "cai-listen-"));
    const unix = join(folder, "trustee.sock");
    const addresses = [{ host: "127.0.0.1", port: 0 }, { scheme: "https" as const, host: "127.0.0.1", port: 0 }, { unix }];
    const other = await startKbs({ listen: addresses, metricsListen: { host: "127.0.0.1", port: 0 } });
    const again = await other.trustee.start().catch((error: CaiError) => error.id);
    expect(again).toBe("trustee.listen-failed");
    expect(statSync(unix).mode & 0o777).toBe(0o600);
    const overSocket = await fetch("http://trustee/kbs/v0/cai/identity", { unix });
    expect(await overSocket.json()).toMatchObject({ tid: other.trustee.tid });
    const metrics = /metrics":"([^"]+)"/.exec(other.log.join("\n"))?.[1];
    for (const [path, status] of [
      ["/metrics", 200],
      ["/readyz", 200],
      ["/livez", 200],
      ["/healthz", 200],
      ["/kbs/v0/cai/identity", 404],
    ] as const) {
      expect((await fetch(`${metrics}${path}`, { headers: { "x-forwarded-for": "198.51.100.9" } })).status).toBe(status);
    }
    await other.end();
    rmSync(folder, { recursive: true });
  });

  test("take the place of a socket that a killed process left behind", async () => {
    const folder = mkdtempSync(join(tmpdir(), "cai-listen-"));
    const unix = join(folder, "trustee.sock");
    const left = Bun.spawnSync(["python3", "-c", `import socket; socket.socket(socket.AF_UNIX).bind(${JSON.stringify(unix)})`]);
    expect(left.exitCode).toBe(0);
    const other = await startKbs({ listen: [{ unix }] });
    expect((await fetch("http://trustee/livez", { unix })).status).toBe(200);
    await other.end();
    rmSync(folder, { recursive: true });
  });
});

describe("a TLS certificate of the operator's", () => {
  test("is replaced when its files change, and stays where the new ones are broken", async () => {
    const folder = mkdtempSync(join(tmpdir(), "cai-tls-"));
    const files = { certificate: join(folder, "tls.pem"), key: join(folder, "tls.key") };
    const write = ({ cert, key }: { cert: string; key: string }) => {
      writeFileSync(files.certificate, cert);
      writeFileSync(files.key, key);
    };
    const [first, second] = [
      makeTlsIdentity([{ ip: Uint8Array.of(127, 0, 0, 1) }]),
      makeTlsIdentity([{ ip: Uint8Array.of(127, 0, 0, 1) }]),
    ];
    write(first);
    const other = await startKbs({ tls: files });
    const answers = (ca: string) =>
      fetch(`${other.url}/livez`, { tls: { ca }, keepalive: false }).then(
        ({ status }) => status,
        () => "refused",
      );
    expect(await answers(first.cert)).toBe(200);
    writeFileSync(files.certificate, second.cert);
    other.trustee.reload();
    expect(other.log.at(-1)).toContain("trustee.tls-invalid");
    expect([await answers(first.cert), await answers(second.cert)]).toEqual([200, "refused"]);
    write(second);
    other.trustee.reload();
    expect([await answers(first.cert), await answers(second.cert)]).toEqual(["refused", 200]);
    const metrics = await (await fetch(`${other.url}/metrics`, { tls: { ca: second.cert } })).text();
    expect(metrics).toContain('cai_tls_reloads_total{outcome="done"} 1');
    expect(metrics).toContain('cai_tls_reloads_total{outcome="failed"} 1');
    // Its log holds neither key.
    expect(other.log.join("\n")).not.toContain(readFileSync(files.key, "utf8").split("\n")[1]!);
    await other.end();
    rmSync(folder, { recursive: true });
  });
});

test("a secret that was set is nowhere in logs and metrics", async () => {
  const canary = Buffer.from("canary-of-a-secret");
  await expectOk(admin(world, "POST", "resource/default/key/canary", canary));
  const text = `${world.log.join("\n")}${await (await get("/metrics")).text()}`;
  for (const form of ["utf8", "base64", "base64url", "hex"] as const) expect(text).not.toContain(canary.toString(form));
});
