import { Database } from "bun:sqlite";
import { afterEach, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { openCollateral } from "../../../src/roles/trustee/collateral.ts";
import { createTrustee, initTrustee } from "../../../src/roles/trustee/index.ts";
import { parseTrusteeSettings } from "../../../src/roles/trustee/settings.ts";
import { CaiError, createLogger, type HttpClient } from "../../../src/system/index.ts";
import { SimulatedPlatform, simulatedPccs, VerificationCache } from "../../../src/tee/tdx/index.ts";
import { admin, expectOk, Guest, type KbsWorld, provision, refusal, START, startKbs } from "./kbs-world.ts";
import { idOf, openData, scratchData } from "./scratch.ts";

const DAY = 86_400;
const HOUR = 3600;
const issuedAt = (now: number) => SimulatedPlatform.create({ seed: new Uint8Array(32).fill(3), now });

/** A PCCS without a socket, which can go away. */
class FakePccs implements HttpClient {
  asked: string[] = [];
  there = true;
  serves = issuedAt(START).collateral();
  before = async () => {};

  async request({ url }: Parameters<HttpClient["request"]>[0]): ReturnType<HttpClient["request"]> {
    this.asked.push(url.href);
    if (!this.there) throw new CaiError("net.unreachable", `no connection to ${url.origin}`);
    await this.before();
    const answer = simulatedPccs(() => this.serves)(new Request(url.href));
    return { status: answer.status, headers: answer.headers, body: new Uint8Array(await answer.arrayBuffer()) };
  }
}

const surroundings = (client: HttpClient, environment: Record<string, string> = {}) => ({
  environment,
  readFile: () => undefined,
  metadata: client,
  client,
});

let world: KbsWorld | undefined;
afterEach(async () => {
  await world?.end();
  world = undefined;
});

async function fetching(pccs: FakePccs, options: Parameters<typeof startKbs>[0] = {}): Promise<KbsWorld> {
  world = await startKbs({ collateralSource: "http://pccs.example", surroundings: surroundings(pccs), ...options });
  await provision(world);
  return world;
}

const attest = (on: KbsWorld) => new Guest(on).attest();
async function attestRefusal(on: KbsWorld): Promise<string> {
  const guest = new Guest(on);
  return refusal(guest.attestAnswer(await guest.auth()));
}
const list = async (on: KbsWorld) => (await (await expectOk(admin(on, "GET", "cai/collateral"))).json()) as Record<string, unknown>[];

const failuresIn = (on: KbsWorld) =>
  on.log.map((line) => JSON.parse(line) as Record<string, string>).filter(({ message }) => message === "collateral could not be fetched");

describe("a trustee that fetches collateral", () => {
  test("asks once for many machines, and serves from its store when the source is away", async () => {
    const pccs = new FakePccs();
    const on = await fetching(pccs);
    await Promise.all(Array.from({ length: 8 }, () => attest(on)));
    expect(pccs.asked.length).toBe(4);
    pccs.there = false;
    on.clock.now = START + 8 * DAY;
    await attest(on);
    expect(failuresIn(on)[0]?.["reason"]).toMatch(/FMSPC 00cafe000000 .*http:\/\/pccs\.example: net\.unreachable/);
    expect(failuresIn(on)[0]?.["serves_until"]).toBe("2027-02-14T08:00:00Z");
    expect((await list(on))[0]).toMatchObject({ fmspc: "00cafe000000", expired: false, origin: "http://pccs.example" });
    expect(String((await list(on))[0]?.["problem"])).toContain("net.unreachable");
  });

  test("refuses by the floor once what it keeps has passed its date, and says in its log which source failed and why", async () => {
    const pccs = new FakePccs();
    const on = await fetching(pccs);
    await attest(on);
    pccs.there = false;
    on.clock.now = START + 31 * DAY;
    // The attestation itself says so in its claims; the floor then keeps every secret (F3).
    await expectOk(admin(on, "POST", "resource/default/key/one", "secret"));
    const guest = new Guest(on);
    const { cookie } = await guest.attest();
    expect(await refusal(guest.get("resource/default/key/one", { cookie }))).toBe("403 policy.collateral-expired");
    expect(failuresIn(on)[0]?.["reason"]).toContain("net.unreachable");
  });

  test("serves those whose collateral it has while a source does not answer for others (I40)", async () => {
    const other = SimulatedPlatform.create({ seed: new Uint8Array(32).fill(8), now: START });
    const { dataDir, remove } = scratchData();
    const trustAnchors = [issuedAt(START), other].map(({ anchorPem }, index) => {
      const path = `${dataDir}.${index}.pem`;
      writeFileSync(path, anchorPem);
      return path;
    });
    const pccs = new FakePccs();
    const on = await fetching(pccs, { trustAnchors });
    await attest(on);
    const answered = Promise.withResolvers<void>();
    pccs.before = () => answered.promise;
    const stuck = Array.from({ length: 20 }, async () => {
      const guest = new Guest(on);
      const opened = await guest.auth();
      return refusal(guest.attestAnswer(opened, guest.attestBody(opened, {}, {}, other)));
    });
    while (pccs.asked.length < 8) await new Promise((resolve) => setImmediate(resolve));
    await attest(on);
    answered.resolve();
    expect(new Set(await Promise.all(stuck))).toEqual(new Set(["502 tdx.untrusted-root"]));
    remove();
  });

  test("refuses while there is none, naming what it asked in its log alone (I27)", async () => {
    const pccs = new FakePccs();
    pccs.there = false;
    const on = await fetching(pccs);
    expect(await attestRefusal(on)).toBe("502 tdx.collateral-unavailable");
    expect(failuresIn(on)[0]?.["reason"]).toMatch(
      /no source gave TDX collateral for FMSPC 00cafe000000 .*http:\/\/pccs\.example: net\.unreachable/,
    );
    expect(failuresIn(on)[0]?.["serves_until"]).toBe("nothing is kept");
  });

  test("asks nobody for a quote that its own signatures do not carry (I40)", async () => {
    const pccs = new FakePccs();
    const on = await fetching(pccs);
    const guest = new Guest(on);
    const opened = await guest.auth();
    const body = JSON.parse(guest.attestBody(opened)) as { "tee-evidence": { primary_evidence: { quote: string } } };
    const quote = Buffer.from(body["tee-evidence"].primary_evidence.quote, "base64");
    quote[600]! ^= 1;
    body["tee-evidence"].primary_evidence.quote = quote.toString("base64");
    expect(await refusal(guest.attestAnswer(opened, JSON.stringify(body)))).toBe("502 tdx.quote-signature-invalid");
    expect(pccs.asked).toEqual([]);
  });

  test("takes nothing older than what it saw, after a restart and after its cache was lost (I14)", async () => {
    const { dataDir, remove } = scratchData();
    const pccs = new FakePccs();
    await initTrustee({ dataDir, simulated: true, clock: () => START });
    const anchor = join(dataDir, "..", "anchor.pem");
    writeFileSync(anchor, issuedAt(START).anchorPem);
    const store = await openData(dataDir);
    const open = async () => {
      const settings = { dataDir, port: 0, trustAnchors: [anchor], collateralSource: "http://pccs.example" };
      const trustee = await createTrustee({
        ...settings,
        logger: createLogger("silent"),
        clock: () => START,
        surroundings: surroundings(pccs),
      });
      const { url } = await trustee.start();
      return { trustee, on: { url } as KbsWorld };
    };
    try {
      const first = await open();
      await attest(first.on);
      await first.trustee.stop();
      await store.collateral.write({ removed: [...(await store.collateral.sets()).keys()] });
      pccs.serves = issuedAt(START - DAY).collateral();
      const second = await open();
      expect(await attestRefusal(second.on)).toBe("502 tdx.collateral-rolled-back");
      await second.trustee.stop();
    } finally {
      await store.close();
      remove();
    }
  });

  test("stops when its clock is behind the newest date that the manufacturer signed (I15)", async () => {
    const pccs = new FakePccs();
    const on = await fetching(pccs);
    pccs.serves = issuedAt(START + 200).collateral();
    await attest(on);
    // Within the tolerance of the last record, and not of the collateral's date.
    on.clock.now = START - 101;
    expect(await attestRefusal(on)).toBe("503 trustee.clock-behind");
    expect(await refusal(admin(on, "GET", "cai/collateral"))).toMatch(/trustee\.clock-behind$/);
    on.clock.now = START - 100;
    await attest(on);
  });
});

describe("a simulated trustee", () => {
  test("asks nobody of this world by itself, whatever the environment says, and says what it lacks", async () => {
    const pccs = new FakePccs();
    const environment = { PCCS_URL: "https://pccs.example", PCCS_URLS: "intel" };
    const on = await fetching(pccs, { collateralSource: "none", surroundings: surroundings(pccs, environment) });
    expect(await attestRefusal(on)).toBe("502 trustee.collateral-missing");
    expect(pccs.asked).toEqual([]);
  });

  test("does not ask the manufacturer even where it is told to (I11)", async () => {
    const pccs = new FakePccs();
    const on = await fetching(pccs, { collateralSource: "intel,alibaba" });
    expect(await attestRefusal(on)).toBe("502 tdx.collateral-unknown");
    expect(pccs.asked).toEqual([]);
  });
});

describe("an administrator", () => {
  test("lists, exports and imports: a file goes to where nothing can be fetched", async () => {
    const pccs = new FakePccs();
    const on = await fetching(pccs);
    await attest(on);
    const file = await (await expectOk(admin(on, "GET", "cai/collateral/export"))).text();
    expect(await list(on)).toHaveLength(1);
    await on.end();
    pccs.there = false;
    const offline = await fetching(pccs, { collateralSource: "none" });
    expect(await attestRefusal(offline)).toBe("502 trustee.collateral-missing");
    const imported = (await (await expectOk(admin(offline, "POST", "cai/collateral", file))).json()) as unknown[];
    expect(imported).toHaveLength(1);
    await attest(offline);
    expect((await list(offline))[0]).toMatchObject({ origin: "import", simulated: true, tcb_evaluation_number: 20 });
  });

  test("cannot bring what is older, not signed here, or no file", async () => {
    const on = await fetching(new FakePccs());
    await attest(on);
    const foreign = SimulatedPlatform.create({ seed: new Uint8Array(32).fill(8), now: START }).bundle();
    const post = (body: string | Uint8Array) => refusal(admin(on, "POST", "cai/collateral", body));
    expect(await post(issuedAt(START - DAY).bundle())).toMatch(/tdx\.collateral-rolled-back$/);
    expect(await post(foreign)).toMatch(/tdx\.untrusted-root$/);
    expect(await post("{}")).toMatch(/tdx\.collateral-malformed$/);
    expect(await post(Uint8Array.of(0xff))).toMatch(/tdx\.collateral-malformed$/);
    expect(await list(on)).toHaveLength(1);
  });
});

describe("the settings", () => {
  const base = { dataDir: "/nowhere", logger: createLogger("silent") };
  test("say which of them cannot be", async () => {
    const { dataDir, remove } = scratchData();
    await initTrustee({ dataDir, simulated: false });
    for (const wrong of [{ collateralSource: "nobody" }, { collateralUpdate: -1 }, { collateralSourceCa: "no PEM" }]) {
      expect(await idOf(() => createTrustee({ ...base, dataDir, ...(wrong as object) }))).toBe("cli.setting-invalid");
    }
    remove();
  });

  test("give a production trustee sources without being asked, and Intel is one", async () => {
    const { dataDir, remove } = scratchData();
    const seen = new FakePccs();
    const trustee = await createTrustee({ ...base, dataDir, surroundings: surroundings(seen), clock: () => START });
    expect(trustee.world).toBe("production");
    await trustee.stop();
    remove();
  });
});

test("rows of collateral and of its marks that somebody else wrote are not believed (I25)", async () => {
  const on = await fetching(new FakePccs());
  await attest(on);
  on.clock.now += HOUR;
  for (const statement of ["UPDATE collateral_marks SET content = '{}'", "DELETE FROM collateral_marks"]) {
    const database = new Database(join(on.dataDir, "trustee.db"));
    database.run("BEGIN");
    database.run(statement);
    database.run("COMMIT");
    database.close();
    expect(await attestRefusal(on)).toBe("502 store.record-tampered");
  }
});

test("a store that cannot be believed is not called one that lacks collateral (I25)", async () => {
  const { dataDir, remove } = scratchData();
  await initTrustee({ dataDir, simulated: true });
  const logger = createLogger("silent");
  const settings = parseTrusteeSettings({ dataDir, collateralSource: "none" });
  const store = await openData(dataDir);
  const tampered = async () => {
    throw new CaiError("store.record-tampered", "a row");
  };
  for (const [collateral, id] of [
    [store.collateral, "trustee.collateral-missing"],
    [{ ...store.collateral, marks: tampered }, "store.record-tampered"],
  ] as const) {
    const parts = {
      anchors: [],
      verified: new VerificationCache(),
      logger,
      clock: () => START,
      surroundings: surroundings(new FakePccs()),
    };
    const opened = openCollateral(settings, { ...parts, store: { ...store, collateral } });
    const request = { tee: "tdx", fmspc: "00cafe000000", ca: "platform", anchor: "", simulated: true } as const;
    expect(await idOf(() => opened.source(request))).toBe(id);
  }
  await store.close();
  remove();
});
