import { beforeEach, describe, expect, test } from "bun:test";
import { CaiError, createLogger } from "../../../../src/system/index.ts";
import type { CollateralCacheParts } from "../../../../src/tee/tdx/collateral/cache.ts";
import {
  type Collateral,
  CollateralCache,
  type CollateralOrigin,
  type CollateralShelf,
  formatBundle,
  formatCollateralFile,
  parseCollateralFile,
  SimulatedPlatform,
  VerificationCache,
} from "../../../../src/tee/tdx/index.ts";
import { anchors, NOW, platform, rejectionId } from "../testing.ts";
import { DAY, honest, issuedAt, request, Services, service, serving, status } from "./services.ts";

const HOUR = 3600;

/** A store in memory. */
function shelf(): CollateralShelf {
  const kept = { sets: new Map(), marks: new Map() } as { sets: Map<string, never>; marks: Map<string, never> };
  return {
    sets: async () => kept.sets,
    marks: async () => kept.marks,
    write: async ({ marks = new Map(), sets = new Map(), removed = [] }) => {
      for (const [key, mark] of marks) kept.marks.set(key, mark as never);
      for (const [key, set] of sets) kept.sets.set(key, set as never);
      for (const key of removed) kept.sets.delete(key);
    },
  };
}

let now: number;
let log: string[];
let services: Services;
let kept: CollateralShelf;
const files = new Map<string, string>();
const here: CollateralOrigin = service("http://a");

function open(origins: readonly CollateralOrigin[] = [here], parts: Partial<CollateralCacheParts> = {}): CollateralCache {
  return new CollateralCache({
    shelf: kept,
    access: {
      client: services,
      readFile: (path) => parseCollateralFile(files.get(path) ?? ""),
      anchors,
      now: () => now,
      update: "standard",
      cache: new VerificationCache(),
    },
    origins: async () => origins,
    logger: createLogger("debug", true, (line) => log.push(line)),
    elapsed: () => now,
    ...parts,
  });
}

/** Lets what was begun beside a request come to its end. */
const settle = async () => {
  for (let i = 0; i < 50; i++) await Promise.resolve();
  await new Promise((resolve) => setImmediate(resolve));
  for (let i = 0; i < 50; i++) await Promise.resolve();
};

beforeEach(() => {
  now = NOW;
  log = [];
  services = new Services(issuedAt(NOW));
  services.add("http://a");
  kept = shelf();
  files.clear();
});

/** Has the service serve what it issues at the time that it is. */
const reissue = () => {
  services.collateral = issuedAt(now);
  return services.collateral;
};

describe("what is kept", () => {
  test("serves for 72 hours, also after a restart, without anybody being asked", async () => {
    const given = await open().collateral(request);
    now += 72 * HOUR - 1;
    expect(await open().collateral(request)).toEqual(given);
    expect(services.sets("http://a")).toBe(1);
  });

  test("is renewed beside its use after 72 hours: nobody waits for it", async () => {
    const cache = open();
    const first = await cache.collateral(request);
    now += 72 * HOUR;
    const second = reissue();
    expect(await cache.collateral(request)).toEqual(first);
    await settle();
    expect(await cache.collateral(request)).toEqual(second);
    expect(services.sets("http://a")).toBe(2);
  });

  test("is renewed before its use after 168 hours", async () => {
    const cache = open();
    await cache.collateral(request);
    now += 168 * HOUR;
    const second = reissue();
    expect(await cache.collateral(request)).toEqual(second);
  });

  test("is renewed from 24 hours before the first of its dates on", async () => {
    const short = SimulatedPlatform.create({ seed: new Uint8Array(32).fill(7), now: NOW, knobs: { window: 30 * HOUR } }).collateral();
    services.collateral = short;
    const cache = open();
    await cache.collateral(request);
    now += 6 * HOUR - 1;
    await cache.collateral(request);
    await settle();
    expect(services.sets("http://a")).toBe(1);
    now += 1;
    await cache.collateral(request);
    await settle();
    expect(services.sets("http://a")).toBe(2);
  });

  test("past its date is renewed first, once in an hour where the service has nothing better", async () => {
    const old = issuedAt(NOW - 31 * DAY);
    services.collateral = old;
    const cache = open();
    for (let i = 0; i < 5; i++) expect(await cache.collateral(request)).toEqual(old);
    expect(services.sets("http://a")).toBe(1);
    expect(log.join()).toContain("past its date at every source");
    now += HOUR;
    const fresh = reissue();
    expect(await cache.collateral(request)).toEqual(fresh);
  });

  test("serves on while it cannot be renewed, which is tried once in an hour and told: which source, why, until when", async () => {
    const cache = open();
    const first = await cache.collateral(request);
    services.add("http://a", status(500));
    now += 168 * HOUR;
    for (let i = 0; i < 5; i++) expect(await cache.collateral(request)).toEqual(first);
    expect(services.sets("http://a")).toBe(2);
    const line = JSON.parse(log.at(-1) ?? "") as Record<string, string>;
    expect(line).toMatchObject({ error: "tdx.collateral-unavailable", serves_until: "2026-02-09T00:00:00Z" });
    expect(line["reason"]).toMatch(/http:\/\/a: net\.response-invalid: TCB info of http:\/\/a: expected status 200, got status 500/);
    expect((await cache.list())[0]?.problem?.message).toContain("status 500");
    now += HOUR;
    services.add("http://a", honest);
    const second = reissue();
    expect(await cache.collateral(request)).toEqual(second);
    expect((await cache.list())[0]?.problem).toBeUndefined();
  });

  test("is not given for another list of sources", async () => {
    await open().collateral(request);
    services.add("http://b");
    await open([here, service("http://b")]).collateral(request);
    expect(services.sets("http://a")).toBe(2);
  });

  test("is renewed where the clock was set back behind the moment when it was fetched", async () => {
    await open().collateral(request);
    now -= DAY;
    await open().collateral(request);
    expect(services.sets("http://a")).toBe(2);
  });

  test("holds no chain of a machine's own", async () => {
    await open().collateral(request);
    await open().import(parseCollateralFile(formatBundle({ ...issuedAt(NOW), pckCertificateChain: platform.pckChain() })), now);
    const chains = [...(await kept.sets()).values()].map(({ collateral }) => collateral.pckCertificateChain);
    expect(chains).toEqual([undefined, undefined]);
  });
});

describe("many who ask at once", () => {
  test("cause one fetch, and all have its result", async () => {
    const cache = open();
    const given = await Promise.all(Array.from({ length: 50 }, () => cache.collateral(request)));
    expect(new Set(given.map((each) => formatBundle(each))).size).toBe(1);
    expect(services.sets("http://a")).toBe(1);
  });

  test("cause one failed fetch, and for half a minute no other", async () => {
    services.add("http://a", status(503));
    const cache = open();
    const ids = await Promise.all(Array.from({ length: 50 }, () => rejectionId(cache.collateral(request))));
    expect(new Set(ids)).toEqual(new Set(["tdx.collateral-unavailable"]));
    expect(await rejectionId(cache.collateral(request))).toBe("tdx.collateral-unavailable");
    expect(services.sets("http://a")).toBe(1);
    now += 30;
    services.add("http://a");
    await cache.collateral(request);
  });

  test("for a platform that nobody knows are not passed on for an hour", async () => {
    services.add("http://a", status(404));
    const cache = open();
    for (let i = 0; i < 5; i++) expect(await rejectionId(cache.collateral(request))).toBe("tdx.collateral-unknown");
    now += HOUR - 1;
    expect(await rejectionId(cache.collateral(request))).toBe("tdx.collateral-unknown");
    expect(services.sets("http://a")).toBe(1);
    now += 1;
    await rejectionId(cache.collateral(request));
    expect(services.sets("http://a")).toBe(2);
  });

  test("of many kinds of platforms cause no more than sixteen fetches at a time", async () => {
    services.add("http://a", () => new Promise(() => undefined));
    const cache = open();
    const fmspcs = Array.from({ length: 17 }, (_, i) => i.toString(16).padStart(12, "0"));
    const results = fmspcs.map((fmspc) => cache.collateral({ ...request, fmspc }));
    expect(await rejectionId(results.at(-1)!)).toBe("tdx.collateral-unavailable");
    await settle();
    expect(services.sets("http://a")).toBe(16);
  });
});

describe("a source that answers late or wrong", () => {
  test("holds up no more than 192 at a time, and nobody whose collateral is there (I40)", async () => {
    const cache = open();
    const given = await cache.collateral(request);
    services.add("http://a", () => new Promise(() => undefined));
    const slow = { ...request, fmspc: "00aabbccddee" };
    const waiting = Array.from({ length: 193 }, () => cache.collateral(slow));
    expect(await rejectionId(waiting.at(-1)!)).toBe("kbs.busy");
    expect(await cache.collateral(request)).toEqual(given);
    now += 168 * HOUR;
    expect(await cache.collateral(request)).toEqual(given);
  });

  test("for one moment is asked again after half a minute where nothing is kept", async () => {
    const foreign = SimulatedPlatform.create({ seed: new Uint8Array(32).fill(9), now: NOW }).collateral();
    services.add("http://a", serving(foreign));
    const cache = open();
    expect(await rejectionId(cache.collateral(request))).toBe("tdx.untrusted-root");
    services.add("http://a");
    now += 29;
    expect(await rejectionId(cache.collateral(request))).toBe("tdx.untrusted-root");
    now += 1;
    expect(await cache.collateral(request)).toEqual(issuedAt(NOW));
  });

  test("for one moment is asked again after half a minute where what is kept is past its date", async () => {
    const cache = open();
    await cache.collateral(request);
    now += 31 * DAY;
    services.add("http://a", status(503));
    expect(await cache.collateral(request)).toEqual(issuedAt(NOW));
    services.add("http://a");
    const fresh = reissue();
    now += 29;
    expect(await cache.collateral(request)).toEqual(issuedAt(NOW));
    now += 1;
    expect(await cache.collateral(request)).toEqual(fresh);
  });
});

describe("collateral does not go back (I14)", () => {
  const older = issuedAt(NOW - 2 * DAY);

  test("where two sets come at the same moment, the older one last", async () => {
    const slow: CollateralShelf = {
      ...kept,
      marks: async () => new Map(await kept.marks()),
      write: async (change) => {
        await Promise.resolve();
        await kept.write(change);
      },
    };
    const cache = open([here], { shelf: slow });
    const newer = cache.import(parseCollateralFile(formatBundle(issuedAt(NOW))), now);
    const late = cache.import(parseCollateralFile(formatBundle(older)), now);
    await newer;
    expect(await rejectionId(late)).toBe("tdx.collateral-rolled-back");
    expect([...(await kept.marks()).values()].map(({ tcbInfoIssued }) => tcbInfoIssued)).toEqual([NOW]);
  });

  test("where a service serves an older set that is still good", async () => {
    const cache = open();
    const first = await cache.collateral(request);
    services.collateral = older;
    now += 168 * HOUR;
    expect(await cache.collateral(request)).toEqual(first);
    expect((await cache.list())[0]?.problem?.id).toBe("tdx.collateral-rolled-back");
    expect((await cache.list())[0]?.problem?.message).toContain("issue date of the TCB info");
  });

  test("where what was kept is lost, and where another service is asked", async () => {
    await open().collateral(request);
    await kept.write({ removed: [...(await kept.sets()).keys()] });
    services.collateral = older;
    expect(await rejectionId(open().collateral(request))).toBe("tdx.collateral-rolled-back");
    services.add("http://b", serving(older));
    expect(await rejectionId(open([service("http://b")]).collateral(request))).toBe("tdx.collateral-rolled-back");
  });

  for (const name of ["rootCaCrl", "pckCrl"] as const) {
    test(`where only the ${name} is older`, async () => {
      await open().collateral(request);
      services.collateral = { ...issuedAt(NOW), [name]: older[name] };
      now += 168 * HOUR;
      const cache = open();
      await cache.collateral(request);
      expect((await cache.list())[0]?.problem?.id).toBe("tdx.collateral-rolled-back");
    });
  }

  test("where a file is put back, and a file counts as seen like what was fetched", async () => {
    files.set("/f", formatBundle(issuedAt(NOW)));
    const file = open([service("/f")]);
    await file.collateral(request);
    files.set("/f", formatBundle(older));
    expect(await rejectionId(file.collateral(request))).toBe("tdx.collateral-rolled-back");
    services.collateral = older;
    expect(await rejectionId(open().collateral(request))).toBe("tdx.collateral-rolled-back");
  });

  test("where an administrator brings an older file, and then nothing of it is kept", async () => {
    const cache = open();
    await cache.collateral(request);
    const text = formatCollateralFile(await cache.newest());
    const before = (await kept.sets()).size;
    expect(await rejectionId(cache.import(parseCollateralFile(formatBundle(older)), now))).toBe("tdx.collateral-rolled-back");
    expect((await kept.sets()).size).toBe(before);
    await cache.import(parseCollateralFile(text), now);
    await cache.import(parseCollateralFile(formatBundle(issuedAt(NOW + DAY))), now);
  });

  test("and what nobody signed does not count as seen", async () => {
    const future = issuedAt(NOW + 10 * DAY);
    const forged: Collateral[] = [
      { ...future, tcbInfo: future.tcbInfo.replace('Number":20', 'Number":99') },
      { ...future, qeIdentitySignature: new Uint8Array(64) },
      { ...future, rootCaCrl: future.pckCrl },
      SimulatedPlatform.create({ seed: new Uint8Array(32).fill(9), now: NOW + 10 * DAY }).collateral(),
    ];
    for (const each of forged) {
      services.collateral = each;
      expect(await rejectionId(open().collateral(request))).toMatch(/^tdx\./);
      expect(await rejectionId(open().import(parseCollateralFile(formatBundle(each)), now))).toMatch(/^tdx\./);
    }
    expect((await kept.marks()).size).toBe(0);
    expect((await kept.sets()).size).toBe(0);
    services.collateral = issuedAt(NOW);
    await open().collateral(request);
  });

  test("while platforms of other roots have marks of their own", async () => {
    await open().collateral(request);
    const other = SimulatedPlatform.create({ seed: new Uint8Array(32).fill(9), now: NOW - DAY });
    services.collateral = other.collateral();
    const access = { client: services, readFile: () => [], now: () => now, update: "standard", cache: new VerificationCache() } as const;
    const both = open([here], { access: { ...access, anchors: [...anchors, { certificate: other.anchorDer, simulated: true }] } });
    const [set] = await both.import(parseCollateralFile(other.bundle()), now);
    expect(set?.facts.anchor).not.toBe(request.anchor);
    expect((await kept.marks()).size).toBe(2);
  });
});

describe("an import", () => {
  test("serves where nothing can be fetched", async () => {
    const offline = open([]);
    expect(await rejectionId(offline.collateral(request))).toBe("tdx.collateral-unavailable");
    await offline.import(parseCollateralFile(formatBundle(issuedAt(NOW))), now);
    expect(await offline.collateral(request)).toEqual(issuedAt(NOW));
    now += 300 * DAY;
    expect(await offline.collateral(request)).toEqual(issuedAt(NOW));
    expect(services.asked).toEqual([]);
  });

  test("serves beside sources, and is renewed like what they gave", async () => {
    services.add("http://a", status(500));
    const cache = open();
    await cache.import(parseCollateralFile(formatBundle(issuedAt(NOW))), now);
    expect(await cache.collateral(request)).toEqual(issuedAt(NOW));
    services.add("http://a");
    now += 168 * HOUR;
    const fresh = reissue();
    expect(await cache.collateral(request)).toEqual(fresh);
  });

  test("is of the edition that it says, and serves for no other", async () => {
    const cache = open([]);
    const text = formatCollateralFile([...(await openedEarly())]);
    await cache.import(parseCollateralFile(text), now);
    expect((await cache.list())[0]?.update).toBe("early");
    expect(await rejectionId(cache.collateral(request))).toBe("tdx.collateral-unavailable");
  });

  test("of more than is kept is refused whole: what is said to be kept is", async () => {
    const padded = { ...issuedAt(NOW), pckCrlIssuerChain: issuedAt(NOW).pckCrlIssuerChain + "\n".repeat(3 * 1024 * 1024) };
    const cache = open([]);
    expect(await rejectionId(cache.import(parseCollateralFile(formatBundle(padded)), now))).toBe("tdx.collateral-malformed");
    expect([(await kept.sets()).size, (await kept.marks()).size]).toEqual([0, 0]);
  });

  test("whose labels are not true is refused", async () => {
    const cache = open([]);
    const text = formatCollateralFile(await openedEarly()).replace('"ca": "platform"', '"ca": "processor"');
    expect(await rejectionId(cache.import(parseCollateralFile(text), now))).toBe("tdx.collateral-malformed");
  });

  async function openedEarly() {
    const other = shelf();
    const parts = { client: services, readFile: () => [], anchors, now: () => now, cache: new VerificationCache() };
    const early = open([here], { shelf: other, access: { ...parts, update: "early" } });
    await early.collateral(request);
    return early.newest();
  }
});

describe("a file", () => {
  test("comes before what is kept and fetched, and is read each time", async () => {
    await open().collateral(request);
    const newer = issuedAt(NOW + 1);
    files.set("/f", formatBundle(newer));
    expect(await open([service("/f"), here]).collateral(request)).toEqual(newer);
    expect(services.sets("http://a")).toBe(1);
  });

  test("past its date gives way to a source, and serves where that has nothing", async () => {
    files.set("/f", formatBundle(issuedAt(NOW - 40 * DAY)));
    const cache = open([service("/f"), here]);
    expect(await cache.collateral(request)).toEqual(issuedAt(NOW));
    kept = shelf();
    services.add("http://a", status(500));
    expect(await open([service("/f"), here]).collateral(request)).toEqual(issuedAt(NOW - 40 * DAY));
  });

  test("that lacks the platform is named beside the sources", async () => {
    files.set("/f", formatBundle(issuedAt(NOW)));
    services.add("http://a", status(404));
    const failed = open([service("/f"), here]).collateral({ ...request, fmspc: "00aabbccddee" });
    expect(failed).rejects.toThrow(/\/f: tdx\.tcb-info-mismatch.*http:\/\/a: tdx\.collateral-unknown/);
    await rejectionId(failed);
  });
});

test("a store that cannot be believed is no matter of collateral: nothing is served instead", async () => {
  await open().collateral(request);
  const tampered = { ...kept, write: () => Promise.reject(new CaiError("store.record-tampered", "a row")) };
  now += 168 * HOUR;
  reissue();
  expect(await rejectionId(open([here], { shelf: tampered }).collateral(request))).toBe("store.record-tampered");
});
