import { Database } from "bun:sqlite";
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { createPrivateKey, generateKeyPairSync, sign } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { buildCertificate, encodePem } from "../../../src/crypto/index.ts";
import { createTrustee, initTrustee } from "../../../src/roles/trustee/index.ts";
import { createLogger } from "../../../src/system/index.ts";
import { makeTlsIdentity } from "../../tls-identity.ts";
import { admin, expectOk, Guest, type KbsWorld, platform, provision, refusal, START, startKbs } from "./kbs-world.ts";
import { idOf, openData, scratchData } from "./scratch.ts";

const PATH = "resource/default/key/one";
let dataDir: string;
let remove: () => void;
let anchor: string;
let collateral: string;
const logger = createLogger("silent");
const clock = () => START;

beforeEach(() => {
  ({ dataDir, remove } = scratchData());
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  anchor = join(dataDir, "..", "anchor.pem");
  collateral = join(dataDir, "..", "collateral.json");
  writeFileSync(anchor, platform.anchorPem);
  writeFileSync(collateral, platform.bundle());
});
afterEach(() => remove());

const minimal = () => ({ dataDir, port: 0, logger, clock });

describe("a trustee", () => {
  test("initialises an empty data directory as a production store", async () => {
    const trustee = await createTrustee(minimal());
    expect(trustee.world).toBe("production");
    await trustee.stop();
    expect(await initTrustee({ dataDir, simulated: false })).toMatchObject({ tid: trustee.tid, created: false });
  });

  test("of production refuses a simulated anchor, and makes no store for it (I11)", async () => {
    expect(await idOf(() => createTrustee({ ...minimal(), trustAnchors: [anchor] }))).toBe("trustee.simulated-anchor");
    expect(existsSync(join(dataDir, "trustee.db"))).toBe(false);
    await initTrustee({ dataDir, simulated: false });
    expect(await idOf(() => createTrustee({ ...minimal(), trustAnchors: [anchor] }))).toBe("trustee.simulated-anchor");
  });

  test("takes no anchor that does not call itself simulated (I13)", async () => {
    const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const der = buildCertificate({
      serial: 1n,
      subject: "Intel SGX Root CA",
      issuer: "Intel SGX Root CA",
      notBefore: START,
      notAfter: START + 1000,
      publicKey: publicKey.export({ format: "der", type: "spki" }),
      ca: {},
      keyUsage: ["keyCertSign", "cRLSign"],
      sign: (tbs) => sign("sha256", tbs, { key: privateKey, dsaEncoding: "ieee-p1363" }),
    });
    writeFileSync(anchor, encodePem(der, "CERTIFICATE"));
    await initTrustee({ dataDir, simulated: true });
    expect(await idOf(() => createTrustee({ ...minimal(), trustAnchors: [anchor] }))).toBe("tdx.anchor-refused");
  });

  test("says which file it cannot read", async () => {
    await initTrustee({ dataDir, simulated: true });
    expect(await idOf(() => createTrustee({ ...minimal(), trustAnchors: [`${anchor}.none`] }))).toBe("cli.input-unreadable");
    expect(await idOf(() => createTrustee({ ...minimal(), collateral: `${collateral}.none` }))).toBe("trustee.collateral-unreadable");
    writeFileSync(collateral, "{}");
    expect(await idOf(() => createTrustee({ ...minimal(), collateral }))).toBe("trustee.collateral-unreadable");
  });

  test("says when it cannot listen, and lets go of its data", async () => {
    const first = await createTrustee(minimal());
    const { url } = await first.start();
    const other = scratchData();
    const second = await createTrustee({ ...minimal(), dataDir: other.dataDir, port: Number(new URL(url).port) });
    expect(await idOf(() => second.start())).toBe("trustee.listen-failed");
    await second.stop();
    await (await createTrustee({ ...minimal(), dataDir: other.dataDir })).stop();
    await first.stop();
    other.remove();
  });

  test("wants TLS where others can connect", async () => {
    const plain = { scheme: "http", host: "0.0.0.0", port: 0 } as const;
    expect(await idOf(() => createTrustee({ ...minimal(), listen: [plain] }))).toBe("trustee.tls-required");
  });

  test("speaks TLS with the certificate that it is given", async () => {
    const { cert, key } = makeTlsIdentity([{ ip: Uint8Array.of(127, 0, 0, 1) }]);
    const files = { certificate: join(dataDir, "..", "tls.pem"), key: join(dataDir, "..", "tls.key") };
    writeFileSync(files.certificate, cert);
    writeFileSync(files.key, key);
    const trustee = await createTrustee({ ...minimal(), tls: files });
    const { url } = await trustee.start();
    expect(url).toStartWith("https://127.0.0.1:");
    expect((await fetch(`${url}/healthz`, { tls: { ca: cert } })).status).toBe(200);
    await trustee.stop();
    writeFileSync(files.key, makeTlsIdentity().key);
    expect(await idOf(() => createTrustee({ ...minimal(), tls: files }))).toBe("trustee.tls-invalid");
    expect(await idOf(() => createTrustee({ ...minimal(), tls: { ...files, key: "none" } }))).toBe("cli.input-unreadable");
  });

  test("is alone on its data: a second one is refused, until the first has stopped", async () => {
    const first = await createTrustee(minimal());
    expect(await idOf(() => createTrustee(minimal()))).toBe("trustee.data-in-use");
    await first.stop();
    await first.stop();
    await (await createTrustee(minimal())).stop();
  });

  test("without collateral judges nothing, and says so", async () => {
    await initTrustee({ dataDir, simulated: true });
    const trustee = await createTrustee({ ...minimal(), trustAnchors: [anchor] });
    const { url } = await trustee.start();
    const guest = new Guest({ url });
    expect(await refusal(guest.attestAnswer(await guest.auth()))).toBe("502 trustee.collateral-missing");
    await trustee.stop();
  });

  test("takes new collateral from its file without a restart, and keeps the old where the new cannot be read", async () => {
    await initTrustee({ dataDir, simulated: true });
    const log: string[] = [];
    const trustee = await createTrustee({
      ...minimal(),
      trustAnchors: [anchor],
      collateral,
      logger: createLogger("info", true, (line) => log.push(line)),
    });
    const { url } = await trustee.start();
    const attest = async () => {
      const guest = new Guest({ url });
      return (await guest.attestAnswer(await guest.auth())).status;
    };
    writeFileSync(collateral, "broken");
    expect(await attest()).toBe(200);
    expect(log.at(-2)).toContain("the one before stays");
    await attest();
    expect(log.filter((line) => line.includes("the one before stays")).length).toBe(1);
    writeFileSync(collateral, platform.bundle());
    utimesSync(collateral, START, START);
    expect(await attest()).toBe(200);
    expect(log.at(-2)).toContain("collateral read again");
    await attest();
    expect(log.filter((line) => line.includes("collateral read again")).length).toBe(1);
    await trustee.stop();
  });
});

describe("a request over a connection that others can read", () => {
  test("needs an admin token for itself alone", async () => {
    await initTrustee({ dataDir, simulated: true });
    const { AdministratorCheck } = await import("../../../src/roles/trustee/administrators.ts");
    const { makeAdminToken } = await import("../../../src/protocol/index.ts");
    const { SignJWT } = await import("jose");
    const store = await openData(dataDir);
    const check = new AdministratorCheck(store, "tid");
    const key = createPrivateKey(readFileSync(join(dataDir, "admin.key")));
    const request = { method: "GET", target: "/kbs/v0/resources", body: new Uint8Array(0) };
    const bearer = await new SignJWT({ iat: START, exp: START + 60 }).setProtectedHeader({ alg: "EdDSA" }).sign(key);
    expect(await idOf(() => check.require(bearer, request, false, START))).toBe("admin.bearer-over-plaintext");
    expect(await idOf(() => check.require(bearer, request, true, START))).toBe("done");
    const own = await makeAdminToken(key, "tid", request, START);
    expect(await idOf(() => check.require(own, request, false, START))).toBe("done");
    await store.close();
  });
});

describe("after kill -9", () => {
  const serve = async () => {
    const child = Bun.spawn([process.execPath, join(import.meta.dir, "serve-child.ts"), dataDir, anchor, collateral], {
      stdout: "pipe",
      stderr: "inherit",
      env: { ...process.env, BUN_BE_BUN: "1" },
    });
    let url = "";
    for await (const part of child.stdout) {
      url += new TextDecoder().decode(part);
      if (url.includes("\n")) break;
    }
    return { url: url.trim(), child };
  };

  test("the store is whole, sessions live on, nonces given out before are worthless, and no second one can serve meanwhile", async () => {
    const { tid } = await initTrustee({ dataDir, simulated: true, clock });
    const first = await serve();
    const adminKey = createPrivateKey(readFileSync(join(dataDir, "admin.key")));
    const world = { url: first.url, trustee: { tid }, adminKey, clock: { now: START } } as unknown as KbsWorld;
    await provision(world);
    await expectOk(admin(world, "POST", PATH, "secret"));
    const guest = new Guest(first);
    const { cookie } = await guest.attest();
    const half = await guest.auth();
    expect(await idOf(() => createTrustee(minimal()))).toBe("trustee.data-in-use");
    first.child.kill("SIGKILL");
    await first.child.exited;

    const second = await serve();
    const again = { url: second.url, privateKey: guest.privateKey };
    const answer = await fetch(`${again.url}/kbs/v0/${PATH}`, { headers: { cookie } });
    expect((await guest.open(Promise.resolve(answer))).text).toBe("secret");
    const returning = new Guest(second);
    expect(await refusal(returning.attestAnswer(half))).toBe("502 kbs.nonce-foreign");
    second.child.kill("SIGKILL");
    await second.child.exited;
  });
});

test("a client that goes away in the middle of a body, or sends garbage, disturbs nobody", async () => {
  const world = await startKbs();
  const { hostname, port } = new URL(world.url);
  const send = (text: string) =>
    new Promise<void>((resolve) => {
      const socket = connect(Number(port), hostname, () => socket.write(text, () => socket.destroy()));
      socket.on("close", () => resolve());
      socket.on("error", () => resolve());
    });
  try {
    const head = "POST /kbs/v0/attest HTTP/1.1\r\nHost: x\r\n";
    for (let i = 0; i < 20; i++) {
      await send(`${head}Content-Length: 100000\r\n\r\n{"half":`);
      await send(`${head}Transfer-Encoding: chunked\r\n\r\n10\r\n{"half"`);
      await send(`\x16\x03\x01${"\0".repeat(100)}`);
    }
    await provision(world);
    await new Guest(world).attest();
  } finally {
    await world.end();
  }
});

test("a store that is edited while it serves opens nothing any more (I25)", async () => {
  const world = await startKbs();
  try {
    await provision(world);
    await expectOk(admin(world, "POST", PATH, "secret"));
    const guest = new Guest(world);
    const { cookie } = await guest.attest();
    expect((await guest.open(guest.get(PATH, { cookie }))).text).toBe("secret");
    const database = new Database(join(world.dataDir, "trustee.db"));
    database.run("UPDATE policies SET content = 'package policy\nallow := true' WHERE key = 'resource/default'");
    database.close();
    expect(await refusal(guest.get(PATH, { cookie }))).toBe("500 store.record-tampered");
    const opened = await guest.auth();
    expect(await refusal(guest.attestAnswer(opened))).toBe("502 store.record-tampered");
    expect(await refusal(admin(world, "POST", PATH, "other"))).toBe("500 store.record-tampered");
  } finally {
    await world.end();
  }
});
