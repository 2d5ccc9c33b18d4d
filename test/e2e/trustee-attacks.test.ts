import { Database } from "bun:sqlite";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createPrivateKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { publicJwkOf } from "../../src/crypto/index.ts";
import { makeAdminToken } from "../../src/protocol/index.ts";
import { SimulatedPlatform } from "../../src/tee/tdx/index.ts";
import { b64url, claimsOf, Guest, platform, references, refusal } from "../roles/trustee/kbs-world.ts";
import { caiError, caiJson, removeScratch, type Started, scratch, stopAll } from "./cai.ts";
import { serveAgain, startTrustee } from "./world.ts";

/** A trustee of the executable, attacked over its socket and behind its back. */
interface Target {
  readonly url: string;
  readonly tid: string;
  readonly data: string;
  readonly adminKey: KeyObject;
  readonly trustee: Started;
}

const PATH = "resource/default/key/one";
const SECRET = "canary-e2a7-the-secret";
const ALLOW_ALL = "package policy\nimport rego.v1\nallow := true\n";
const TAMPERED = "store.record-tampered";

let folder: string;
let sim: string;
let target: Target;
let counter = 0;

beforeAll(async () => {
  folder = scratch();
  sim = join(folder, "sim");
  mkdirSync(sim);
  writeFileSync(join(sim, "anchor.pem"), platform.anchorPem);
  writeFileSync(join(sim, "collateral.json"), collateralOf(seconds()));
  writeFileSync(join(sim, "reference.json"), JSON.stringify(references));
  target = await newTarget();
}, 60_000);
afterAll(async () => {
  await stopAll();
  removeScratch(folder);
});

const seconds = () => Math.floor(Date.now() / 1000);
const collateralOf = (now: number) => SimulatedPlatform.create({ seed: new Uint8Array(32).fill(3), now }).bundle();

function targetOf(trustee: Started, data: string, adminKey: string): Target {
  const tid = String(trustee.ready["tid"]);
  return { url: String(trustee.ready["url"]), tid, data, adminKey: createPrivateKey(readFileSync(adminKey)), trustee };
}

/** A trustee that takes the test's machine and holds a secret for it. */
async function newTarget(): Promise<Target> {
  const data = join(folder, `trustee-${++counter}`);
  const { trustee, adminKey } = await startTrustee(data, sim);
  const made = targetOf(trustee, data, adminKey);
  expect(await admin(made, "POST", PATH, SECRET)).toBe(200);
  return made;
}

/** Ends a trustee, does something to its data, and starts it again. */
async function restarted(from: Target, signal: NodeJS.Signals, change: () => void = () => {}): Promise<Target> {
  await from.trustee.kill(signal);
  change();
  return targetOf(await serveAgain(from.data, sim), from.data, join(from.data, "admin.key"));
}

function adminToken({ adminKey, tid }: Target, method: string, path: string, body = "", key = adminKey): Promise<string> {
  return makeAdminToken(key, tid, { method, target: `/kbs/v0/${path}`, body: new TextEncoder().encode(body) }, seconds());
}

function call({ url }: Target, method: string, path: string, body: string, headers: Record<string, string>): Promise<Response> {
  return fetch(`${url}/kbs/v0/${path}`, { method, headers, ...(method !== "GET" && { body }) });
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

/** @returns the status of an admin call with a token of its own */
async function admin(at: Target, method: string, path: string, body = ""): Promise<number> {
  return (await call(at, method, path, body, bearer(await adminToken(at, method, path, body)))).status;
}

const setPolicy = (at: Target, text: string) => admin(at, "POST", "resource-policy", JSON.stringify({ policy: b64url(text) }));

/** Edits a trustee's database as somebody who may write the file. */
function sql({ data }: Target, ...statements: string[]): void {
  const database = new Database(join(data, "trustee.db"));
  database.run("PRAGMA busy_timeout = 5000");
  for (const statement of statements) database.run(statement);
  database.close();
}

describe("a nonce (I2)", () => {
  test("is taken once, by one of 50 attests at the same moment", async () => {
    const guest = new Guest(target);
    const opened = await guest.auth();
    const body = guest.attestBody(opened);
    // Bodies that differ, so that none is an identical retry of the one that passes.
    const outcomes = await Promise.all(
      Array.from({ length: 50 }, (_, i) => refusal(guest.attestAnswer(opened, `${body}${" ".repeat(i)}`))),
    );
    expect(outcomes.filter((outcome) => outcome.startsWith("200 "))).toHaveLength(1);
    for (const outcome of outcomes) expect(outcome).toMatch(/^(200 |502 kbs\.nonce-spent$|401 kbs\.session-used$)/);
  });

  test("is worth nothing in another session, after a failure, and after a restart", async () => {
    const guest = new Guest(target);
    const [one, two] = [await guest.auth(), await guest.auth()];
    expect(await refusal(guest.attestAnswer({ ...one, cookie: two.cookie }))).toBe("502 kbs.nonce-foreign");
    const unreadable = guest.attestBody(two).replace(/"tee-evidence":.*$/, '"tee-evidence":1}');
    expect(await refusal(guest.attestAnswer(two, unreadable))).toBe("502 kbs.message-malformed");
    expect(await refusal(guest.attestAnswer(two))).toBe("502 kbs.nonce-spent");
    const half = await guest.auth();
    target = await restarted(target, "SIGKILL");
    expect(await refusal(new Guest(target).attestAnswer(half))).toBe("502 kbs.nonce-foreign");
  });
});

describe("a session (I3)", () => {
  test("that was attested gives its token to the identical body only", async () => {
    const guest = new Guest(target);
    const opened = await guest.auth();
    const body = guest.attestBody(opened);
    const first = (await (await guest.attestAnswer(opened, body)).json()) as { token: string };
    expect((await (await guest.attestAnswer(opened, body)).json()) as { token: string }).toEqual(first);
    for (const other of [`${body} `, "{}", new Guest(target).attestBody(opened)]) {
      expect(await refusal(guest.attestAnswer(opened, other))).toBe("401 kbs.session-used");
    }
  });

  test("that an attacker fixed, or stole, is of no use: the answer opens with the attested key alone (I20)", async () => {
    const owner = new Guest(target);
    const { cookie, token } = await owner.attest();
    const thief = new Guest(target);
    for (const headers of [{ cookie }, { attestation: token }, bearer(token)]) {
      expect((await owner.open(owner.get(PATH, headers))).text).toBe(SECRET);
      expect(await thief.open(thief.get(PATH, headers)).catch(() => "closed")).toBe("closed");
    }
    // Where several things are presented, the session decides, and it is the owner's.
    const mixed = { cookie: `a=b; ${cookie}; kbs-session-id=${"0".repeat(32)}`, attestation: "x.y.z", ...bearer("x.y.z") };
    expect((await owner.open(owner.get(PATH, mixed))).text).toBe(SECRET);
  });
});

describe("a token that this trustee did not mint for this (I19)", () => {
  const part = (value: unknown) => b64url(JSON.stringify(value));
  const refused = (token: string) => refusal(new Guest(target).get(PATH, bearer(token)));

  test("is refused whatever its header says", async () => {
    const { token } = await new Guest(target).attest();
    const [header = "", payload = "", signature = ""] = token.split(".");
    const own = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const signed = (head: object, claims: string) => {
      const text = `${part(head)}.${claims}`;
      return `${text}.${sign("sha256", Buffer.from(text), { key: own.privateKey, dsaEncoding: "ieee-p1363" }).toString("base64url")}`;
    };
    expect(await refused(`${part({ alg: "none" })}.${payload}.`)).toBe("401 kbs.token-malformed");
    expect(await refused(`${part({ alg: "HS256" })}.${payload}.${signature}`)).toBe("401 kbs.token-malformed");
    expect(await refused(signed({ alg: "ES256", jwk: publicJwkOf(own.publicKey) }, payload))).toBe("401 kbs.token-signature");
    const longer = part({ ...claimsOf(token), exp: seconds() + 3600 });
    expect(await refused(`${header}.${longer}.${signature}`)).toBe("401 kbs.token-signature");
    expect(await refused(await adminToken(target, "GET", PATH))).toBe("401 kbs.token-malformed");
  });

  test("is refused where another trustee minted it, and once the attestation policy has changed", async () => {
    const other = await newTarget();
    const guest = new Guest(other);
    const { token, cookie } = await guest.attest();
    expect(await refused(token)).toBe("401 kbs.token-signature");
    expect((await guest.open(guest.get(PATH, { cookie }))).text).toBe(SECRET);
    const policy = JSON.stringify({ policy_id: "default", policy: b64url("package policy\nhardware := 2\n") });
    expect(await admin(other, "POST", "attestation-policy", policy)).toBe(200);
    expect(await refusal(guest.get(PATH, { cookie }))).toBe("401 kbs.token-policy");
    await other.trustee.kill("SIGTERM");
  });
});

describe("under policies that allow everything the floor holds (I11, I12)", () => {
  test("against a debug machine, and against collateral that has expired", async () => {
    const lax = await newTarget();
    expect(await setPolicy(lax, ALLOW_ALL)).toBe(200);
    const debug = new Guest(lax);
    const { cookie } = await debug.attest({ tdAttributes: Uint8Array.of(1, 0, 0, 0x10, 0, 0, 0, 0) });
    expect(await refusal(debug.get(PATH, { cookie }))).toBe("403 policy.debug");
    writeFileSync(join(sim, "collateral.json"), collateralOf(seconds() - 400 * 86_400));
    try {
      // What it saw before was newer, so this is refused for its age even before its date is looked at (I14).
      const back = new Guest(lax);
      expect(await refusal(back.attestAnswer(await back.auth()))).toBe("502 tdx.collateral-rolled-back");
      const fresh = await newTarget();
      expect(await setPolicy(fresh, ALLOW_ALL)).toBe(200);
      const late = new Guest(fresh);
      expect(await refusal(late.get(PATH, { cookie: (await late.attest()).cookie }))).toBe("403 policy.collateral-expired");
      await fresh.trustee.kill("SIGTERM");
    } finally {
      writeFileSync(join(sim, "collateral.json"), collateralOf(seconds()));
    }
    await lax.trustee.kill("SIGTERM");
  });

  test("and a production trustee starts with no simulated anchor, whatever its store is made to say", async () => {
    const data = join(folder, "production");
    await caiJson(["trustee", "init", "--data", data]);
    const serve = () =>
      caiError(["trustee", "serve", "--data", data, "--listen", "127.0.0.1:0", "--trust-anchor", join(sim, "anchor.pem")]);
    expect((await serve()).id).toBe("trustee.simulated-anchor");
    sql({ data } as Target, "UPDATE store SET world = 'simulated'");
    expect(await serve()).toMatchObject({ id: TAMPERED, status: 3 });
  });
});

test("a denied client cannot tell a missing path from a forbidden one (I20, I27)", async () => {
  const closed = await newTarget();
  expect(await setPolicy(closed, "package policy\nimport rego.v1\nallow := false\n")).toBe(200);
  const guest = new Guest(closed);
  const { cookie } = await guest.attest();
  const shown = async (path: string) => {
    const answer = await guest.get(path, { cookie });
    const text = (await answer.text()).replace(/"decision":"[a-z2-7]{16}"/, '"decision":""');
    const headers = [...answer.headers].filter(([name]) => !["date", "cai-signature", "x-request-id"].includes(name));
    return { status: answer.status, headers, text };
  };
  const there = await shown(PATH);
  expect(there).toEqual(await shown("resource/default/key/two"));
  expect(there.status).toBe(403);
  expect(there.text).toContain('"id":"kbs.policy-denied"');
  await closed.trustee.kill("SIGTERM");
});

const message = JSON.stringify({ type: "sample", payload: Buffer.from('{"name":["a"]}').toString("base64") });
/** Every call that wants an administrator, in a form that succeeds. */
const ADMIN_CALLS: readonly [method: string, path: string, body: string][] = [
  ["POST", "resource/a/b/c", "value"],
  ["POST", "cai/resources", JSON.stringify({ resources: [{ path: "a/b/d", value: b64url("v") }], replace: true })],
  ["GET", "resources", ""],
  ["DELETE", "resource/a/b/c", ""],
  ["POST", "attestation-policy", JSON.stringify({ policy_id: "other", policy: b64url("package policy\nhardware := 2\n") })],
  ["GET", "attestation-policy/other", ""],
  ["GET", "attestation-policies", ""],
  ["DELETE", "attestation-policy/other", ""],
  ["POST", "rvps/register", JSON.stringify({ message })],
  ["GET", "rvps/query", ""],
  ["GET", "reference-value/name", ""],
  ["DELETE", "rvps/delete/name", ""],
  ["POST", "reference-value", message],
  ["POST", "resource-policy", JSON.stringify({ policy: b64url("package policy\n") })],
  ["GET", "resource-policy", ""],
  ["GET", "cai/resource-policy", ""],
  ["GET", "resource/pubkey", ""],
  ["POST", "resource/reload", ""],
  ["POST", "resource/rewrap", ""],
  ["POST", "resource/rotate", ""],
  // Not older than what the trustee has by then, which would be refused (I14).
  ["POST", "cai/collateral", collateralOf(seconds() + 120)],
  ["GET", "cai/collateral", ""],
  ["GET", "cai/collateral/export", ""],
];

test("headers have room for a real machine's token, and not for a megabyte of a stranger's (I40)", async () => {
  const shown = (size: number) => fetch(`${target.url}/kbs/v0/${PATH}`, { headers: bearer("a".repeat(size)) });
  expect(await refusal(shown(200_000))).toBe("401 kbs.token-malformed");
  expect((await shown(300_000)).status).toBe(431);
});

describe("an administrator's call (I23, I24)", () => {
  test.each(ADMIN_CALLS.map(([method, path, body]) => ({ method, path, body })))(
    "$method $path is refused without a token, with a foreign key, for another call, and again",
    async ({ method, path, body }) => {
      const made = target;
      const send = async (headers: Record<string, string>, at = path) => refusal(call(made, method, at, body, headers));
      const { cookie, token: attested } = await new Guest(made).attest();
      const stranger = generateKeyPairSync("ed25519").privateKey;
      expect(await send({})).toBe("401 admin.unauthenticated");
      expect(await send({ cookie })).toBe("401 admin.unauthenticated");
      expect(await send(bearer(attested))).toBe("401 admin.unauthenticated");
      expect(await send(bearer(await adminToken(made, method, path, body, stranger)))).toBe("401 admin.unauthenticated");
      expect(await send(bearer(`${b64url('{"alg":"none"}')}.${b64url('{"exp":9999999999}')}.`))).toBe("401 admin.unauthenticated");
      expect(await send(bearer(await adminToken(made, method, `${path}x`, body)))).toBe("401 admin.token-mismatch");
      expect(await send(bearer(await adminToken(made, "PUT", path, body)))).toBe("401 admin.token-mismatch");
      expect(await send(bearer(await adminToken(made, method, path, `${body} `)))).toBe("401 admin.token-mismatch");
      expect(await send(bearer(await adminToken({ ...made, tid: "A".repeat(43) }, method, path, body)))).toBe("401 admin.token-mismatch");
      const token = await adminToken(made, method, path, body);
      const outcomes = await Promise.all(Array.from({ length: 10 }, () => send(bearer(token))));
      expect(outcomes.filter((outcome) => outcome.startsWith("200 "))).toHaveLength(1);
      expect(outcomes.filter((outcome) => outcome === "401 admin.token-replayed")).toHaveLength(9);
    },
  );

  test("is judged by the path that chose its route, not by one in its query", async () => {
    const body = JSON.stringify({ policy_id: "other", policy: b64url(ALLOW_ALL) });
    const headers = bearer(await adminToken(target, "POST", "attestation-policy", body));
    const elsewhere = fetch(`${target.url}/%6bbs/v0/resource-policy?/kbs/v0/attestation-policy`, { method: "POST", headers, body });
    expect(await refusal(elsewhere)).toBe("401 admin.token-mismatch");
  });
});

describe("a store that somebody else writes to (I25)", () => {
  const edits = {
    "an edited policy": `UPDATE policies SET content = '${ALLOW_ALL}' WHERE key = 'resource/default'`,
    "a dropped reference value": "DELETE FROM reference_values WHERE key = 'tdx.mr_td'",
    "an added administrator": "INSERT INTO administrators SELECT 'mallory', version, content, mac FROM administrators",
    "a mark of time": "UPDATE marks SET content = '0'",
    "a trigger": "CREATE TRIGGER keep BEFORE INSERT ON policies BEGIN SELECT RAISE(IGNORE); END",
  };

  test.each(Object.entries(edits))("opens nothing while it serves, and does not start: %s", async (_, edit) => {
    const victim = await newTarget();
    const guest = new Guest(victim);
    const { cookie } = await guest.attest();
    const opened = await guest.auth();
    sql(victim, edit);
    expect(await refusal(guest.get(PATH, { cookie }))).toBe(`500 ${TAMPERED}`);
    expect(await refusal(guest.attestAnswer(opened))).toBe(`502 ${TAMPERED}`);
    expect(await setPolicy(victim, "package policy\n")).toBe(500);
    await victim.trustee.kill("SIGTERM");
    const again = await caiError(["trustee", "serve", "--data", victim.data, "--listen", "127.0.0.1:0"]);
    expect(again).toMatchObject({ id: TAMPERED, status: 3 });
  });

  test("gives out a renamed secret under neither name, nor a list without it, also after it was started again", async () => {
    let victim = await newTarget();
    const rename = "UPDATE resources SET key = 'default/key/two' WHERE key = 'default/key/one'";
    sql(victim, rename);
    for (let start = 0; start < 2; start++) {
      const guest = new Guest(victim);
      const { cookie } = await guest.attest();
      for (const name of ["one", "two"]) {
        const path = PATH.replace(/one$/, name);
        // Where the other name belongs, there is nothing: as it should be.
        expect(await refusal(guest.get(path, { cookie }))).toBe(name === "one" ? `500 ${TAMPERED}` : "404 kbs.resource-missing");
      }
      const headers = bearer(await adminToken(victim, "GET", "resources", ""));
      expect(await refusal(fetch(`${victim.url}/kbs/v0/resources`, { headers }))).toBe(`500 ${TAMPERED}`);
      if (start === 0) victim = await restarted(victim, "SIGTERM", () => {});
    }
    await victim.trustee.kill("SIGTERM");
  });

  test("keeps the policy that an administrator set, once the trigger that would have swallowed it is gone", async () => {
    const victim = await newTarget();
    const keep = "CREATE TRIGGER keep BEFORE INSERT ON policies BEGIN SELECT RAISE(IGNORE); END";
    sql(victim, keep);
    expect(await setPolicy(victim, ALLOW_ALL)).toBe(500);
    const mended = await restarted(victim, "SIGKILL", () => sql(victim, "DROP TRIGGER keep"));
    expect(await setPolicy(mended, "package policy\nimport rego.v1\nallow := false\n")).toBe(200);
    const guest = new Guest(mended);
    expect(await refusal(guest.get(PATH, { cookie: (await guest.attest()).cookie }))).toBe("403 kbs.policy-denied");
    await mended.trustee.kill("SIGTERM");
  });
});

test("no secret is in the store, its journal, the log, or the arguments (I27)", async () => {
  const closed = await newTarget();
  const guest = new Guest(closed);
  const { cookie, token } = await guest.attest();
  expect((await guest.open(guest.get(PATH, { cookie }))).text).toBe(SECRET);
  const batch = JSON.stringify({ resources: [{ path: "default/key/batch", value: b64url(`batch-${SECRET}`) }] });
  expect(await admin(closed, "POST", "cai/resources", batch)).toBe(200);
  expect(await admin(closed, "POST", "cai/resources", batch)).not.toBe(200);
  expect(await admin(closed, "POST", PATH, `second-${SECRET}`)).toBe(200);
  expect(await admin(closed, "POST", "resource/bad%00name/a/b", SECRET)).toBe(404);
  expect(await admin(closed, "POST", "resource-policy", SECRET)).toBe(400);
  expect(await admin(closed, "POST", "cai/resources", JSON.stringify({ resources: SECRET }))).toBe(400);

  const session = cookie.slice(cookie.indexOf("=") + 1);
  const adminKey = readFileSync(join(closed.data, "admin.key"), "utf8").split("\n")[1] ?? "";
  const master = readFileSync(`${closed.data}.master`, "utf8").trim();
  const bytes = Buffer.from(SECRET);
  const hidden = [SECRET, bytes.toString("base64").slice(0, 24), bytes.toString("hex"), session, adminKey, master];
  expect(hidden.every((text) => text.length >= 20)).toBe(true);
  const process = `/proc/${closed.trustee.pid}`;
  const files = readdirSync(closed.data).filter((name) => name !== "admin.key");
  expect(files).toContain("trustee.db-wal");
  const texts = [...files.map((name) => join(closed.data, name)), `${process}/cmdline`].map((path) => readFileSync(path, "latin1"));
  for (const text of [...texts, closed.trustee.log()]) for (const secret of hidden) expect(text).not.toContain(secret);
  for (const secret of [token, token.split(".")[2] ?? ""]) expect(closed.trustee.log()).not.toContain(secret);
  expect(closed.trustee.log()).toContain("outcome=allowed");
  // Nor would a crash write its memory down.
  expect(readFileSync(`${process}/limits`, "utf8")).toMatch(/^Max core file size +0 +0 /m);
  await closed.trustee.kill("SIGTERM");
});
