import { afterEach, describe, expect, test } from "bun:test";
import { CaiError, type JsonValue, startWorker } from "../../../src/system/index.ts";
import { type Binding, type TrustAnchor, VerifierPool, type VerifierPoolOptions } from "../../../src/tee/index.ts";
import type { FromWorker, ToWorker } from "../../../src/tee/pool/message.ts";
import { type Collateral, parseBundle, tdxVerifier } from "../../../src/tee/tdx/index.ts";
import { anchors, changed, NOW, platform, quoteOf, REPORT_DATA, rejectionId, withCertification } from "../tdx/testing.ts";

const bundle = platform.bundle();
const collateral = parseBundle(bundle);
const evidenceOf = (quote: Uint8Array) => ({ quote: quote.toBase64(), cc_eventlog: null });
const binding = { reportData: REPORT_DATA };
const good = evidenceOf(quoteOf());

const pools: VerifierPool[] = [];
afterEach(() => {
  for (const pool of pools.splice(0)) pool.stop();
});

type Source = () => Promise<Collateral> | Collateral;

function poolOf(options: Partial<VerifierPoolOptions> & { readonly source?: Source } = {}) {
  const { source = () => collateral, ...rest } = options;
  const pool = new VerifierPool({
    verifiers: { tdx: { collateral: source, expired: "reject" } },
    workers: 1,
    waiting: 100,
    recurring: "thread",
    ...rest,
  });
  pools.push(pool);
  const verifier = pool.verifiers.get("tdx")!;
  const verify = (evidence: JsonValue, bound: Binding = binding, trusted: readonly TrustAnchor[] = anchors) =>
    verifier.verify(evidence, bound, trusted, NOW);
  return { pool, verify };
}

/** A worker that does nothing but what the test says, and tells what it was sent. */
class FakeWorker extends EventTarget {
  readonly received: ToWorker[] = [];
  ended = false;
  readonly #hear: (message: ToWorker, worker: FakeWorker) => void;

  constructor(hear: (message: ToWorker, worker: FakeWorker) => void = () => {}) {
    super();
    this.#hear = hear;
  }

  postMessage(message: ToWorker): void {
    this.received.push(message);
    if (message.kind === "settings") queueMicrotask(() => this.say({ kind: "ready" }));
    this.#hear(message, this);
  }

  say(data: FromWorker): void {
    this.dispatchEvent(new MessageEvent("message", { data }));
  }

  terminate(): void {
    this.ended = true;
  }
}

/** A worker of the program, and what it is sent. */
function spied() {
  const sent: ToWorker[] = [];
  const start = () => {
    const worker = startWorker("tee/pool/verification-worker.ts");
    const post = worker.postMessage.bind(worker);
    worker.postMessage = (message: ToWorker) => {
      sent.push(message);
      post(message);
    };
    return worker;
  };
  return { start, sent };
}

const faked = (worker: FakeWorker) => ({ start: () => worker as unknown as Worker });

async function errorOf(run: Promise<unknown>): Promise<CaiError> {
  try {
    await run;
  } catch (error) {
    if (error instanceof CaiError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

describe("a pool of verifiers", () => {
  test("starts no thread before there is work, and gives the same claims as the verifier itself", async () => {
    const { pool, verify } = poolOf();
    expect(pool.threads).toBe(0);
    const claims = await verify(good);
    expect(pool.threads).toBe(1);
    expect(claims).toEqual(await tdxVerifier({ collateral: () => collateral, expired: "reject" }).verify(good, binding, anchors, NOW));
  });

  test("gives the same errors, with what was expected and got", async () => {
    const { verify } = poolOf();
    const alone = tdxVerifier({ collateral: () => collateral, expired: "reject" });
    for (const [evidence, bound, trusted] of [
      [null, binding, anchors],
      [{ quote: "***" }, binding, anchors],
      [good, { reportData: new Uint8Array(64) }, anchors],
      [good, { ...binding, initData: new Uint8Array(48).fill(1) }, anchors],
      [good, binding, []],
      [evidenceOf(changed(quoteOf(), (copy) => copy.set([1], 600))), binding, anchors],
    ] as const) {
      const [here, there] = [await errorOf(alone.verify(evidence, bound, trusted, NOW)), await errorOf(verify(evidence, bound, trusted))];
      expect(there.toJSON()).toEqual(here.toJSON());
    }
  });

  test("asks for collateral on the caller's thread, and only for quotes whose own signatures hold", async () => {
    const asked: unknown[] = [];
    const { verify } = poolOf({
      source: ((request: unknown) => {
        asked.push(request);
        return collateral;
      }) as Source,
    });
    for (const at of [100, 568, 636, 700, 770, 1154]) {
      const bent = changed(quoteOf(), (copy) => {
        copy[at]! ^= 1;
      });
      expect(await rejectionId(verify(evidenceOf(bent)))).toStartWith("tdx.");
    }
    expect(await rejectionId(verify(good, binding, []))).toBe("tdx.untrusted-root");
    expect(await rejectionId(verify(good, { reportData: new Uint8Array(64) }))).toBe("tdx.report-data-mismatch");
    expect(asked).toEqual([]);
    await verify(good);
    expect(asked).toMatchObject([{ tee: "tdx", fmspc: "00cafe000000", ca: "platform", simulated: true }]);
  });

  test("hands each content of collateral over once, also where it is another object", async () => {
    const { start, sent } = spied();
    let current = collateral;
    let asked = 0;
    const { verify } = poolOf({
      start,
      source: () => {
        asked++;
        return current;
      },
    });
    const contents = () => sent.filter((message) => message.kind === "collateral" && message.value !== undefined).length;
    await Promise.all([verify(good), verify(good)]);
    current = parseBundle(bundle);
    await verify(good);
    expect(contents()).toBe(1);
    current = { ...collateral, tcbInfo: collateral.tcbInfo.replace("UpToDate", "OutOfDate") };
    expect(await rejectionId(verify(good))).toBe("tdx.tcb-info-signature-invalid");
    expect(contents()).toBe(2);
    current = collateral;
    await verify(good);
    expect(contents()).toBe(2);
    expect(sent.filter(({ kind }) => kind === "anchors").length).toBe(1);
    // The source was asked for each piece of evidence, though the worker went on with what it had.
    expect(asked).toBe(5);
    expect(sent.filter(({ kind }) => kind === "job").length).toBe(5 + 2);
  });

  test("passes on what the source of collateral throws", async () => {
    const { verify } = poolOf({
      source: () => {
        throw new CaiError("trustee.collateral-missing", "no collateral", { hint: "name some" });
      },
    });
    const error = await errorOf(verify(good));
    expect(error.toJSON()).toEqual({ id: "trustee.collateral-missing", message: "no collateral", hint: "name some" });
  });

  test("refuses more than may wait", async () => {
    const { verify } = poolOf({ ...faked(new FakeWorker()), waiting: 3 });
    const waiting = Array.from({ length: 5 }, () => rejectionId(verify(good)));
    expect(await rejectionId(verify(good))).toBe("kbs.busy");
    pools[0]!.stop();
    expect(await Promise.all(waiting)).toEqual(Array(5).fill("tee.verifier-lost"));
  });

  test("gives a thread two pieces of evidence at a time, and starts as many threads as are needed and allowed", async () => {
    const workers: FakeWorker[] = [];
    const start = () => {
      const worker = new FakeWorker();
      workers.push(worker);
      return worker as unknown as Worker;
    };
    const { verify } = poolOf({ start, workers: 3, patience: 0 });
    const jobs = () => workers.map(({ received }) => received.filter(({ kind }) => kind === "job").length);
    const seen = [];
    for (let i = 0; i < 8; i++) {
      verify(good).catch(() => undefined);
      await null;
      seen.push(jobs());
    }
    expect(seen).toEqual([[1], [2], [2, 1], [2, 2], [2, 2, 1], [2, 2, 2], [2, 2, 2], [2, 2, 2]]);
    workers[1]!.say({ kind: "need", job: 0, tee: "tdx", request: {} });
    expect(jobs()).toEqual([2, 3, 2]);
    workers[2]!.say({ kind: "verdict", job: 0, used: undefined, error: { id: "tdx.evidence-malformed", message: "" } });
    expect(jobs()).toEqual([2, 3, 3]);
  });

  test("starts another thread only where evidence has waited for those that are there", async () => {
    const started = Promise.withResolvers<void>();
    const workers: FakeWorker[] = [];
    const start = () => {
      const worker = new FakeWorker();
      if (workers.push(worker) === 2) started.resolve();
      return worker as unknown as Worker;
    };
    const { pool, verify } = poolOf({ start, workers: 2, patience: 1 });
    for (let i = 0; i < 3; i++) verify(good).catch(() => undefined);
    expect(pool.threads).toBe(1);
    await started.promise;
    expect(workers.map(({ received }) => received.filter(({ kind }) => kind === "job").length)).toEqual([2, 1]);
  });

  test("ends threads that have nothing to verify any more, and starts another one when there is", async () => {
    const workers: FakeWorker[] = [];
    const start = () => {
      const worker = new FakeWorker((message) => {
        if (message.kind === "job") worker.say({ kind: "verdict", job: message.job, used: undefined, claims: "{}" });
      });
      workers.push(worker);
      return worker as unknown as Worker;
    };
    const { pool, verify } = poolOf({ start, idle: 0 });
    expect(await verify(good)).toEqual({} as never);
    while (pool.threads > 0) await new Promise((resolve) => setImmediate(resolve));
    expect(await verify(good)).toEqual({} as never);
    expect(workers.map(({ ended }) => ended)).toEqual([true, false]);
  });

  test("refuses what is left when it stops, ends its threads, and takes nothing afterwards", async () => {
    const worker = new FakeWorker();
    const { pool, verify } = poolOf(faked(worker));
    const left = [verify(good), verify(good), verify(good)].map((each) => rejectionId(each));
    pool.stop();
    expect(await Promise.all(left)).toEqual(Array(3).fill("tee.verifier-lost"));
    expect([worker.ended, pool.threads]).toEqual([true, 0]);
    expect(await rejectionId(verify(good))).toBe("tee.verifier-lost");
  });
});

describe("evidence of a machine that a thread has verified", () => {
  const counted = () => {
    const { start, sent } = spied();
    return { ...poolOf({ start, recurring: "here" }), jobs: () => sent.filter(({ kind }) => kind === "job").length };
  };

  test("is verified at once, and no less", async () => {
    const { verify, jobs } = counted();
    const first = await verify(good);
    const other = new Uint8Array(64).fill(9);
    for (let round = 0; round < 3; round++) expect(await verify(good)).toEqual(first);
    expect((await verify(evidenceOf(quoteOf({ reportData: other })), { reportData: other })).reportData).toBe(other.toHex());
    expect(jobs()).toBe(1);
    const bent = changed(quoteOf(), (copy) => copy.set([1], 600));
    expect(await rejectionId(verify(evidenceOf(bent)))).toBe("tdx.quote-signature-invalid");
    expect(await rejectionId(verify(good, { reportData: other }))).toBe("tdx.report-data-mismatch");
    expect(await rejectionId(verify(good, binding, []))).toBe("tdx.untrusted-root");
    expect(jobs()).toBe(1);
  });

  test("is verified in a thread where its certificates or its log are others, or it was refused before", async () => {
    const { verify, jobs } = counted();
    await verify(good);
    for (const [evidence, expected] of [
      [{ ...good, cc_eventlog: "AAAA" }, "tdx.event-log-malformed"],
      [{ ...good, cc_eventlog: "AAAA" }, "tdx.event-log-malformed"],
      [evidenceOf(withCertification(quoteOf(), 5, new Uint8Array(10))), "tdx.pck-chain-invalid"],
      [evidenceOf(quoteOf().subarray(0, 700)), "tdx.unsupported-quote"],
      [{ quote: "***" }, "tdx.evidence-malformed"],
      [null, "tdx.evidence-malformed"],
    ] as const) {
      const before = jobs();
      expect(await rejectionId(verify(evidence))).toBe(expected);
      expect(jobs()).toBe(before + 1);
    }
  });

  test("is refused once the pool has stopped", async () => {
    const { pool, verify } = counted();
    await verify(good);
    pool.stop();
    expect(await rejectionId(verify(good))).toBe("tee.verifier-lost");
  });
});

describe("a thread that breaks down", () => {
  const fragile = { start: () => new Worker(new URL("./fragile-worker.ts", import.meta.url).href) };

  for (const way of ["throw", "exit"]) {
    test(`by ${way} costs its evidence, and the next piece has another thread`, async () => {
      const { pool, verify } = poolOf(fragile);
      await verify(good);
      expect(await rejectionId(verify(way))).toBe("tee.verifier-lost");
      expect(pool.threads).toBe(0);
      await verify(good);
      expect(pool.threads).toBe(1);
    });
  }

  test("costs nothing that still waits for a thread", async () => {
    const { verify } = poolOf(fragile);
    const ids = await Promise.all([verify("exit"), verify(good), verify(good), verify(good)].map((each) => rejectionId(each)));
    expect(ids.slice(0, 1)).toEqual(["tee.verifier-lost"]);
    expect(ids.slice(2)).toEqual([undefined, undefined]);
  });

  test("or cannot even start fails what it was given", async () => {
    const start = () => new Worker(new URL("./no-such-worker.ts", import.meta.url).href);
    const { verify } = poolOf({ start });
    expect(await rejectionId(verify(good))).toBe("tee.verifier-lost");
    expect(await rejectionId(verify(good))).toBe("tee.verifier-lost");
  });

  test("or is silent too long is ended, but not while it waits for collateral", async () => {
    const fetching = Promise.withResolvers<Collateral>();
    const worker = new FakeWorker((message, self) => {
      if (message.kind === "job") self.say({ kind: "need", job: 0, tee: "tdx", request: {} });
      if (message.kind === "collateral") self.say({ kind: "verdict", job: 0, used: undefined, claims: "{}" });
    });
    const slow = poolOf({ ...faked(worker), timeout: 1, source: () => fetching.promise });
    const patient = slow.verify(good);
    // Silent workers that start later are given up, so the first one's time has passed too.
    for (let round = 0; round < 3; round++) {
      const silent = new FakeWorker();
      expect(await rejectionId(poolOf({ ...faked(silent), timeout: 1 }).verify(good))).toBe("tee.verifier-timeout");
      expect(silent.ended).toBe(true);
    }
    fetching.resolve(collateral);
    expect(await patient).toEqual({} as Awaited<typeof patient>);
    expect(worker.ended).toBe(false);
  });
});
