import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createPrivateKey, type KeyObject } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { templates } from "../../src/policy/index.ts";
import { makeAdminToken } from "../../src/protocol/index.ts";
import { masterKeyPath, openStore, parseStorePlace, readMasterKey, type Store } from "../../src/roles/trustee/store/index.ts";
import { SimulatedPlatform } from "../../src/tee/tdx/index.ts";
import { hasPostgres, postgres } from "../postgres-server.ts";
import { b64url, Guest, type Opened, references } from "../roles/trustee/kbs-world.ts";
import { CAI, caiJson, removeScratch, type Started, scratch, start, stopAll } from "./cai.ts";

const now = () => Math.floor(Date.now() / 1000);
const platform = SimulatedPlatform.create({ seed: new Uint8Array(32).fill(9), now: now() });

/** A trustee's data, its administrator, and the ways to it. */
interface Place {
  readonly folder: string;
  readonly data: string;
  readonly tid: string;
  readonly adminKey: KeyObject;
  /** the setting `store`; undefined for a file in the data directory */
  readonly store: string | undefined;
}

async function makePlace(store?: string): Promise<Place> {
  const folder = scratch();
  const data = join(folder, "trustee");
  writeFileSync(join(folder, "anchor.pem"), platform.anchorPem);
  writeFileSync(join(folder, "collateral.json"), platform.bundle());
  const env = store === undefined ? {} : { CAI_STORE: store };
  const made = await caiJson(["trustee", "init", "--simulated", "--data", data], { env });
  return { folder, data, tid: String(made["tid"]), adminKey: createPrivateKey(readFileSync(String(made["admin_key"]))), store };
}

function serve({ folder, data, store }: Place): Promise<Started> {
  const files = ["--trust-anchor", join(folder, "anchor.pem"), "--collateral", join(folder, "collateral.json")];
  const env = store === undefined ? {} : { CAI_STORE: store };
  return start(["trustee", "serve", "--data", data, "--listen", "127.0.0.1:0", "--verify-workers", "1", ...files], { env });
}

async function open({ data, store }: Place): Promise<Store> {
  return openStore(parseStorePlace(store, data), readMasterKey(masterKeyPath(data)));
}

async function admin({ adminKey, tid }: Place, url: string, method: string, path: string, body = ""): Promise<Response> {
  const target = `/kbs/v0/${path}`;
  const token = await makeAdminToken(adminKey, tid, { method, target, body: Buffer.from(body) }, now());
  const headers = { authorization: `Bearer ${token}` };
  return fetch(`${url}${target}`, { method, headers, ...(method !== "GET" && { body }) });
}

/** One nonce, and what it was spent for. */
interface Spent {
  readonly opened: Opened;
  readonly body: string;
  readonly token: string;
}

/** @returns what was acknowledged, or undefined where it was not */
async function attest(url: string): Promise<Spent | undefined> {
  try {
    const guest = new Guest({ url });
    const opened = await guest.auth();
    const body = guest.attestBody(opened, {}, {}, platform);
    const answer = await guest.attestAnswer(opened, body);
    if (answer.status !== 200) return undefined;
    return { opened, body, token: ((await answer.json()) as { token: string }).token };
  } catch {
    return undefined;
  }
}

/** Offers a nonce that was spent once more, for another key. @returns the error's id, and the public id of the decision */
async function offerAgain(url: string, opened: Opened): Promise<{ id: string; decision: string | undefined }> {
  const guest = new Guest({ url });
  const answer = await guest.attestAnswer(opened, guest.attestBody(opened, {}, {}, platform));
  const { id = "taken", decision } = (await answer.json()) as { id?: string; decision?: string };
  return { id, decision };
}

const REFUSED = /^kbs\.(session-used|nonce-spent|nonce-foreign)$/;

/** What was acknowledged while a server was under load. */
class Load {
  readonly resources = new Map<string, string>();
  readonly decisions: string[] = [];
  readonly spent: Spent[] = [];
  #running = true;
  #tasks: Promise<void>[] = [];

  /** @param name  of this load, which all of its resources have in their paths */
  constructor(place: Place, url: string, name: string, writers = 6) {
    const loop = async (work: (n: number) => Promise<void>, writer: number) => {
      for (let n = 0; this.#running; n++) await work(n * writers + writer).catch(() => Bun.sleep(5));
    };
    for (let writer = 0; writer < writers; writer++) {
      this.#tasks.push(
        loop(async (n) => {
          const path = `${name}/key/n${n}`;
          const answer = await admin(place, url, "POST", `resource/${path}`, `value of ${path}`);
          if (answer.status === 200) this.resources.set(path, `value of ${path}`);
          await answer.body?.cancel();
        }, writer),
      );
    }
    this.#tasks.push(
      loop(async () => {
        const spent = await attest(url);
        if (spent === undefined) return;
        this.spent.push(spent);
        const other = await new Guest({ url }).auth();
        // A nonce of another session: a denial, whose decision the guest is told.
        const { decision } = await offerAgain(url, { ...other, nonce: spent.opened.nonce });
        if (decision !== undefined) this.decisions.push(decision);
      }, 0),
    );
  }

  /** Returns when that much was acknowledged. */
  async reaches(resources: number, spent: number): Promise<void> {
    while (this.resources.size < resources || this.spent.length < spent) await Bun.sleep(1);
  }

  async end(): Promise<void> {
    this.#running = false;
    await Promise.all(this.#tasks);
  }
}

/** Looks into the store for everything that was acknowledged. */
async function expectKept(store: Store, { resources, decisions }: Load): Promise<void> {
  for (const [path, value] of resources) expect(Buffer.from((await store.resources.get(path)) ?? []).toString()).toBe(value);
  for (const id of decisions) expect(await store.decisions.get({ id })).toMatchObject({ id, outcome: "denied" });
}

describe("a trustee that is killed while it writes", () => {
  let place: Place;
  beforeAll(async () => {
    place = await makePlace();
  });
  afterAll(async () => {
    await stopAll();
    removeScratch(place.folder);
  });

  test("50 times, on SQLite, loses nothing that it acknowledged and takes no nonce twice", async () => {
    let total = 0;
    let before: Spent[] = [];
    for (let round = 0; round < 50; round++) {
      const trustee = await serve(place);
      const url = String(trustee.ready["url"]);
      for (const spent of before) expect((await offerAgain(url, spent.opened)).id).toMatch(REFUSED);
      const load = new Load(place, url, `round${round}`);
      await load.reaches(10 + (round % 7), 1);
      await trustee.kill("SIGKILL");
      await load.end();
      const store = await open(place);
      await expectKept(store, load);
      await store.close();
      total += load.resources.size;
      before = load.spent.slice(-2);
    }
    const store = await open(place);
    expect((await store.resources.list()).length).toBeGreaterThanOrEqual(total);
    await store.close();
  }, 120_000);
});

test("an init that found no room for the master key leaves no part of one, and can be done again", async () => {
  const folder = scratch();
  const data = join(folder, "trustee");
  const { exitCode, stderr } = Bun.spawnSync(["prlimit", "--fsize=0", CAI, "trustee", "init", "--data", data, "--json"]);
  expect([exitCode, JSON.parse(stderr.toString()).error.id]).toEqual([2, "trustee.data-unusable"]);
  expect(readdirSync(folder)).toEqual(["trustee"]);
  expect(await caiJson(["trustee", "init", "--data", data])).toMatchObject({ created: true });
  removeScratch(folder);
});

/** Passes each request on to the next replica; one that takes no connection is left out. */
function balance(replicas: () => readonly string[]): { url: string; served: Map<string, number>; stop(): Promise<void> } {
  let turn = 0;
  const served = new Map<string, number>();
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      const { pathname, search } = new URL(request.url);
      const body = request.method === "GET" ? undefined : await request.bytes();
      for (let tried = 0; tried < replicas().length; tried++) {
        const all = replicas();
        const replica = all[turn++ % all.length]!;
        try {
          const answer = await fetch(`${replica}${pathname}${search}`, {
            method: request.method,
            headers: [...request.headers].filter(([name]) => name !== "host" && name !== "connection"),
            ...(body && { body }),
          });
          served.set(replica, (served.get(replica) ?? 0) + 1);
          return new Response(await answer.bytes(), { status: answer.status, headers: answer.headers });
        } catch (error) {
          if ((error as { code?: string }).code !== "ConnectionRefused") return new Response("{}", { status: 502 });
        }
      }
      return new Response("{}", { status: 502 });
    },
  });
  return { url: `http://127.0.0.1:${server.port}`, served, stop: () => server.stop(true) };
}

describe.skipIf(!hasPostgres)("three replicas over PostgreSQL, behind a balancer that sends each request to the next", () => {
  let place: Place;
  let replicas: Started[];
  let balancer: ReturnType<typeof balance>;
  let url: string;

  beforeAll(async () => {
    place = await makePlace(await (await postgres()).newDatabase());
    replicas = await Promise.all([1, 2, 3].map(() => serve(place)));
    balancer = balance(() => replicas.map(({ ready }) => String(ready["url"])));
    url = balancer.url;
  });
  afterAll(async () => {
    await balancer.stop();
    await stopAll();
    removeScratch(place.folder);
  });

  test("the steps of RCAR may land anywhere, and what one replica was told is in force at the next request", async () => {
    const payload = Buffer.from(JSON.stringify(references)).toString("base64");
    const set = JSON.stringify({ version: "0.1.0", type: "sample", payload });
    expect((await admin(place, url, "POST", "reference-value", set)).status).toBe(200);
    expect((await admin(place, url, "POST", "resource/a/b/c", "the secret")).status).toBe(200);
    for (let i = 0; i < 6; i++) {
      const [policy, status] = i % 2 === 0 ? (["deny-all", 403] as const) : (["affirming-simulated", 200] as const);
      expect((await admin(place, url, "POST", "resource-policy", JSON.stringify({ policy: b64url(templates[policy]) }))).status).toBe(200);
      const guest = new Guest({ url });
      const opened = await guest.auth();
      const answer = await guest.attestAnswer(opened, guest.attestBody(opened, {}, {}, platform));
      expect(answer.status).toBe(200);
      const released = await guest.get("resource/a/b/c", { cookie: opened.cookie });
      expect(released.status).toBe(status);
      if (status === 200) expect((await guest.open(Promise.resolve(released))).text).toBe("the secret");
    }
    expect(balancer.served.size).toBe(3);
  });

  test("of 50 attests with one nonce, sent at once over all of them, one passes (I2)", async () => {
    const opened = await new Guest({ url }).auth();
    const bodies = Array.from({ length: 50 }, () => {
      const guest = new Guest({ url });
      return () => guest.attestAnswer(opened, guest.attestBody(opened, {}, {}, platform));
    });
    const answers = await Promise.all(bodies.map((send) => send()));
    const ids = await Promise.all(answers.map(async (answer) => ((await answer.json()) as { id?: string }).id));
    expect(answers.filter(({ status }) => status === 200).length).toBe(1);
    expect(ids.filter((id) => id !== undefined && REFUSED.test(id)).length).toBe(49);
  });

  test("one of them that is killed under load takes nothing with it: no write, no session, and no nonce is taken twice", async () => {
    for (let round = 0; round < 3; round++) {
      const load = new Load(place, url, `replicas${round}`);
      await load.reaches(40, 3);
      const killed = replicas[0]!;
      await killed.kill("SIGKILL");
      const then = load.resources.size;
      await load.reaches(then + 40, load.spent.length + 3);
      await load.end();
      replicas = replicas.filter((each) => each !== killed);
      const store = await open(place);
      await expectKept(store, load);
      await store.close();
      expect(load.decisions.length).toBeGreaterThan(0);
      for (const { opened, body, token } of load.spent.slice(0, 10)) {
        const guest = new Guest({ url });
        const same = await guest.attestAnswer(opened, body);
        expect([same.status, ((await same.json()) as { token: string }).token]).toEqual([200, token]);
        expect((await offerAgain(url, opened)).id).toMatch(REFUSED);
      }
      replicas = [...replicas, await serve(place)];
    }
  }, 60_000);

  test("while the database is gone they say so and when to come again, and go on by themselves when it is back", async () => {
    const { again } = await (await postgres()).cut();
    for (let i = 0; i < 3; i++) {
      const answer = await admin(place, url, "POST", "resource/a/b/c", "not now");
      expect([answer.status, answer.headers.get("retry-after"), ((await answer.json()) as { id: string }).id]).toEqual([
        503,
        "2",
        "store.unavailable",
      ]);
    }
    await again();
    for (let i = 0; i < 6; i++) expect((await admin(place, url, "POST", "resource/a/b/c", "again")).status).toBe(200);
    for (const { log } of replicas) expect(log()).not.toContain("postgres://");
  }, 60_000);
});
