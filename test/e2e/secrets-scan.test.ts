import { afterAll, describe, expect, test } from "bun:test";
import { createPrivateKey, generateKeyPairSync, type KeyObject, randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { KBS_PREFIX, makeAdminToken } from "../../src/protocol/index.ts";
import { type Canary, findInFiles, findInProcesses } from "../../src/roles/demo/canary.ts";
import { openData } from "../../src/roles/trustee/data.ts";
import { SimulatedPlatform } from "../../src/tee/tdx/index.ts";
import { hasPostgres, postgres } from "../postgres-server.ts";
import { Guest, references, refusal } from "../roles/trustee/kbs-world.ts";
import { makeTlsIdentity } from "../tls-identity.ts";
import { cai, type Ended, removeScratch, type Started, scratch, start, stopAll } from "./cai.ts";

const folder = scratch();
const platform = SimulatedPlatform.create({ seed: new Uint8Array(32).fill(3), now: Math.floor(Date.now() / 1000) });
const sim = join(folder, "sim");
mkdirSync(sim);
writeFileSync(join(sim, "anchor.pem"), platform.anchorPem);
writeFileSync(join(sim, "collateral.json"), platform.bundle());
writeFileSync(join(sim, "reference.json"), JSON.stringify(references));

afterAll(async () => {
  await stopAll();
  removeScratch(folder);
});

/** Base64 of bytes that begin anywhere in what was encoded: the characters that depend on these bytes alone, for each of three places. */
function base64Forms(bytes: Uint8Array): string[] {
  return [0, 1, 2].map((before) => {
    const text = Buffer.concat([Buffer.alloc(before), bytes])
      .toString("base64")
      .replace(/=+$/, "");
    const whole = Math.floor(((before + bytes.length) * 8) / 6);
    return text.slice(Math.ceil((before * 8) / 6), whole);
  });
}

/** The spellings in which bytes could have been written down. */
function canaries(name: string, bytes: Uint8Array): Canary[] {
  const hex = Buffer.from(bytes).toString("hex");
  const base64 = base64Forms(bytes);
  const url = base64.map((text) => text.replaceAll("+", "-").replaceAll("/", "_"));
  const forms = { hex: [hex, hex.toUpperCase()], base64, base64url: url };
  const texts = Object.entries(forms).flatMap(([form, spellings]) =>
    spellings.map((text) => ({ name: `${name} (${form})`, bytes: Buffer.from(text) })),
  );
  return [{ name: `${name} (raw)`, bytes }, ...texts];
}

/** What is a text already: it, and it once more as bytes. A token is its signature above all. */
function textCanaries(name: string, text: string): Canary[] {
  const signature = text.split(".")[2];
  return [
    ...canaries(name, Buffer.from(text)),
    ...(signature === undefined ? [] : canaries(`${name}'s signature`, Buffer.from(signature, "base64url"))),
  ];
}

const secretOf = (key: KeyObject): Uint8Array => Buffer.from(key.export({ format: "jwk" }).d ?? "", "base64url");

/** One trustee that works, and everything of it that must stay secret. */
class Subject {
  readonly data: string;
  readonly store: string[];
  readonly found: Canary[] = [];
  /** what every command printed */
  readonly printed: string;
  #output = "";
  adminKey = "";
  trustee!: Started;

  constructor(name: string, store: string | undefined) {
    const home = join(folder, name);
    mkdirSync(join(home, "keys"), { recursive: true });
    mkdirSync(join(home, "printed"));
    this.data = join(home, "data");
    this.printed = join(home, "printed");
    this.store = store === undefined ? [] : ["--store", store];
  }

  get url(): string {
    return String(this.trustee.ready["url"]);
  }

  async run(args: readonly string[], status = 0): Promise<Ended> {
    const ended = await cai(args);
    this.#output += ended.stdout + ended.stderr;
    if (ended.status !== status) throw new Error(`cai ${args.join(" ")} ended with ${ended.status}: ${ended.stderr}`);
    return ended;
  }

  async init(): Promise<void> {
    await this.run(["trustee", "init", "--simulated", "--data", this.data, ...this.store]);
    this.adminKey = join(dirname(this.data), "keys", "admin.key");
    renameSync(join(this.data, "admin.key"), this.adminKey);
    this.found.push(...canaries("the admin key", secretOf(createPrivateKey(readFileSync(this.adminKey)))));
    this.noteMasterKey("the master key");
  }

  noteMasterKey(name: string): void {
    this.found.push(...canaries(name, Buffer.from(readFileSync(`${this.data}.master`, "utf8").trim(), "hex")));
  }

  async serve(...more: string[]): Promise<void> {
    const platformFlags = ["--trust-anchor", join(sim, "anchor.pem"), "--collateral", join(sim, "collateral.json")];
    this.trustee = await start(
      ["trustee", "serve", "--data", this.data, ...this.store, "--listen", "127.0.0.1:0", ...platformFlags, ...more],
      {
        env: { CAI_LOG: "debug" },
      },
    );
  }

  async stop(): Promise<void> {
    expect(await this.trustee.kill("SIGTERM")).toBe(0);
    this.#output += this.trustee.log();
  }

  /** The trustee's own private keys, which are in its store only. */
  async noteOwnKeys(): Promise<void> {
    const { store } = await openData({ dataDir: this.data, store: this.store[1] });
    for (const name of await store.ownKeys.names()) {
      const der = (await store.ownKeys.get(name))!;
      this.found.push(...canaries(`the key ${name}`, secretOf(createPrivateKey({ key: Buffer.from(der), format: "der", type: "pkcs8" }))));
    }
    await store.close();
  }

  /** @returns where something was found that must not be there */
  scan(...folders: string[]): string[] {
    writeFileSync(join(this.printed, "output.txt"), this.#output + this.trustee.log());
    return [...findInFiles([this.data, this.printed, ...folders], this.found), ...findInProcesses([this.trustee.pid], this.found)];
  }
}

/** Sets secrets and policies, attests, releases, denies, replays, and lets administrators fail. */
async function work(subject: Subject): Promise<void> {
  const { url, found } = subject;
  const admin = ["--trustee", url, "--admin-key", subject.adminKey];
  await subject.run(["reference", "set", "--file", join(sim, "reference.json"), ...admin]);
  await subject.run(["policy", "set", "resource", "--template", "affirming-simulated", ...admin]);
  for (const [name, secret] of [
    ["one", randomBytes(48)],
    ["large", randomBytes(500_000)],
  ] as const) {
    const file = join(dirname(subject.data), "keys", name);
    writeFileSync(file, secret);
    await subject.run(["resource", "set", `kbs:///default/secret/${name}`, "--file", file, ...admin]);
    found.push(...canaries(`the secret ${name}`, secret.subarray(0, 48)));
  }
  await subject.run(["resource", "set", "kbs:///default/secret/one", "--random", "32", ...admin], 1);

  const honest = new Guest({ url });
  const opened = await honest.auth();
  const answer = await honest.attestAnswer(opened, honest.attestBody(opened, {}, {}, platform));
  expect(answer.status).toBe(200);
  const { token } = (await answer.json()) as { token: string };
  found.push(...textCanaries("the token", token), ...canaries("the guest's key", secretOf(honest.privateKey)));
  found.push(...textCanaries("the session id", opened.cookie.split("=")[1]!));
  const path = "resource/default/secret/one";
  expect((await honest.open(honest.get(path, { cookie: opened.cookie }))).text.length).toBeGreaterThan(0);
  expect((await honest.get(path, { authorization: `Bearer ${token}` })).status).toBe(200);
  // Somebody else's cookie, another body in an attested session, tokens that were bent.
  const another = honest.attestBody(opened, {}, { mrTd: new Uint8Array(48).fill(0x98) }, platform);
  expect(await refusal(honest.attestAnswer(opened, another))).toContain("kbs.session-used");
  expect((await honest.get(path, { authorization: `Bearer ${token.slice(0, -4)}AAAA` })).status).toBe(401);
  expect((await honest.get(path, { cookie: `kbs-session-id=${"ab".repeat(16)}` })).status).toBe(401);

  const changed = new Guest({ url });
  const half = await changed.auth();
  const other = { mrTd: new Uint8Array(48).fill(0x99) };
  const refused = await changed.attestAnswer(half, changed.attestBody(half, {}, other, platform));
  found.push(...textCanaries("the other session id", half.cookie.split("=")[1]!));
  if (refused.status === 200) found.push(...textCanaries("the other token", ((await refused.json()) as { token: string }).token));
  expect((await changed.get(path, { cookie: half.cookie })).status).not.toBe(200);

  const target = `${KBS_PREFIX}/${path}`;
  const key = createPrivateKey(readFileSync(subject.adminKey));
  const body = randomBytes(40);
  found.push(...canaries("the secret of an administrator", body));
  const now = Math.floor(Date.now() / 1000);
  const signed = (by: KeyObject) => makeAdminToken(by, String(subject.trustee.ready["tid"]), { method: "POST", target, body }, now);
  const post = (authorization: string) => fetch(`${url}${target}`, { method: "POST", body, headers: { authorization } });
  const once = await signed(key);
  expect((await post(`Bearer ${once}`)).status).toBe(200);
  expect((await post(`Bearer ${once}`)).status).toBe(401);
  const foreign = await signed(generateKeyPairSync("ed25519").privateKey);
  expect((await post(`Bearer ${foreign}`)).status).toBe(401);
  expect((await post("Bearer not.a.token-but-a-password-by-mistake")).status).toBe(401);
  found.push(...textCanaries("the admin token", once), ...textCanaries("the foreign admin token", foreign));
  found.push(...canaries("the mistaken password", Buffer.from("token-but-a-password-by-mistake")));
}

const databases = [
  { name: "SQLite", place: async () => ({ store: undefined, folders: [] as string[] }) },
  ...(hasPostgres
    ? [
        {
          name: "PostgreSQL",
          place: async () => {
            const server = await postgres();
            return { store: await server.newDatabase(), folders: [join(dirname(server.socket), "data")] };
          },
        },
      ]
    : []),
];

describe.each(databases)("a trustee in $name that worked", ({ name, place }) => {
  test("leaves no secret, key, session id or token in database, write-ahead log, backup, log, arguments or environment (I25, I27)", async () => {
    const { store, folders } = await place();
    const subject = new Subject(name, store);
    await subject.init();
    await subject.serve();
    await work(subject);
    const backups = join(dirname(subject.data), "backups");
    mkdirSync(backups);
    await subject.run(["trustee", "backup", "--data", subject.data, ...subject.store, "-o", join(backups, "one")]);
    await subject.noteOwnKeys();
    expect(subject.found.length).toBeGreaterThan(100);
    // While it runs, and the write-ahead log with it.
    expect(subject.scan(backups, ...folders)).toEqual([]);
    await subject.stop();

    await subject.run(["trustee", "rekey", "--data", subject.data, ...subject.store]);
    subject.noteMasterKey("the new master key");
    const { cert, key } = makeTlsIdentity();
    const [certPath, keyPath] = ["cert.pem", "key.pem"].map((file) => join(dirname(subject.data), "keys", file)) as [string, string];
    writeFileSync(certPath, cert);
    writeFileSync(keyPath, key, { mode: 0o600 });
    subject.found.push(...canaries("the TLS key", secretOf(createPrivateKey(key))));
    await subject.serve("--tls-cert", certPath, "--tls-key", keyPath);
    const https = subject.url.replace(/127\.0\.0\.1/, "localhost");
    await subject.run(["resource", "ls", "--trustee", https, "--ca", certPath, "--admin-key", subject.adminKey]);
    await subject.run(["trustee", "backup", "--data", subject.data, ...subject.store, "-o", join(backups, "two")]);
    expect(subject.scan(backups, ...folders)).toEqual([]);
    await subject.stop();
    expect(subject.scan(backups, ...folders)).toEqual([]);

    // The scan itself finds what is there, in each spelling and wherever it stands in a longer text.
    const planted = join(dirname(subject.data), "planted");
    mkdirSync(planted);
    const secret = Buffer.from("a secret that was planted");
    for (const before of [0, 1, 2]) {
      for (const form of ["latin1", "hex", "base64", "base64url"] as const) {
        writeFileSync(join(planted, "file"), Buffer.concat([Buffer.alloc(before, 0x41), secret, Buffer.alloc(3)]).toString(form), "latin1");
        expect([before, form, findInFiles([planted], canaries("planted", secret)).length > 0]).toEqual([before, form, true]);
      }
    }
  }, 120_000);
});
