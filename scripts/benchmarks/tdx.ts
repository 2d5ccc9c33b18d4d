import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { type Collateral as NpmCollateral, QuoteVerifier } from "@phala/dcap-qvl";
import { VerifierPool } from "../../src/tee/index.ts";
import {
  builtInAnchors,
  type Collateral,
  type CollateralRequest,
  parseBundle,
  parseQuote,
  SimulatedPlatform,
  VerificationCache,
  verifyQuote,
} from "../../src/tee/tdx/index.ts";
import { type Base, bases } from "../fuzzing/tdx-bases.ts";
import { type Figure, median, run, spread } from "./measure.ts";

const NOW = 1_768_003_200;
const WARM_BATCHES = 40;
const WARM_BATCH = 250;
const NPM_RUNS = 150;
const COLD_RUNS = 15;
const DISTINCT_QUOTES = 3000;
const POOL_ROUNDS = 4;
const POOL_WORKERS = 2;
/** As many as are under way at a time in a busy trustee. */
const IN_FLIGHT = 16;

/** The base quote of all comparisons: version 4 of a real machine where the vectors are there, else a simulated one. */
const REAL = "phala-tdx_quote";
const SIMULATED = "simulated TDX 4";

/**
 * How long verifying a quote takes: warm, cold, in threads, and beside the npm verifier in the same run. The quote's own signature is verified every
 * time; what may be remembered is what a platform's quotes share.
 */
export async function benchTdx(folder: string): Promise<Figure[]> {
  const all = bases();
  const base = all.find(({ name }) => name === REAL) ?? all.find(({ name }) => name === SIMULATED)!;
  const warm = warmTimes(base);
  const collateral = parseBundle(JSON.stringify(base.bundle));
  const unremembered = timesOf(NPM_RUNS, () => verifyQuote(base.quote, collateral, optionsOf(base)));
  const npm = npmTimes(base);
  const cold = coldTimes(base, folder);
  const rate = await poolRate(all);
  const ratio = median(npm) / median(warm);
  return [
    {
      name: `quote, warm (${base.name})`,
      value: `${median(warm).toFixed(3)} ms`,
      target: "<= 0.6 ms",
      met: median(warm) <= 0.6,
      detail: `one core, cached collateral, ${WARM_BATCHES * WARM_BATCH} runs, ms: ${spread(warm, 3)}`,
    },
    {
      name: "npm verifier / this one",
      value: `${ratio.toFixed(1)} ×`,
      target: ">= 4 ×",
      met: ratio >= 4,
      detail: `@phala/dcap-qvl, same quote, ms: ${spread(npm)}; this one with nothing remembered, ms: ${spread(unremembered)}, ${(median(npm) / median(unremembered)).toFixed(1)} ×`,
    },
    {
      name: "first quote of a process",
      value: `${median(cold).toFixed(1)} ms`,
      target: "<= 25 ms",
      met: median(cold) <= 25,
      detail: `bundle parsed, nothing remembered or compiled, ${COLD_RUNS} processes, ms: ${spread(cold, 1)}`,
    },
    {
      name: "quotes in threads",
      value: `${rate.perSecond.toFixed(0)}/s`,
      target: ">= 2500/s",
      met: rate.perSecond >= 2500,
      detail: `${POOL_WORKERS} threads, evidence to claims, ${rate.count} quotes of ${rate.different} different ones, ${rate.platforms} platforms`,
    },
  ];
}

const optionsOf = ({ anchors, now }: Base) => ({ anchors, now, expired: "reject" }) as const;

function warmTimes(base: Base): number[] {
  const cache = new VerificationCache();
  const collateral = parseBundle(JSON.stringify(base.bundle));
  const options = { ...optionsOf(base), cache };
  const batch = () => {
    const start = performance.now();
    for (let i = 0; i < WARM_BATCH; i++) verifyQuote(base.quote, collateral, options);
    return (performance.now() - start) / WARM_BATCH;
  };
  for (let i = 0; i < WARM_BATCHES / 4; i++) batch();
  return Array.from({ length: WARM_BATCHES }, batch);
}

function npmTimes(base: Base): number[] {
  const verifier = new QuoteVerifier(Buffer.from(base.anchors[0]!.certificate));
  const bundle = base.bundle as unknown as NpmCollateral;
  return timesOf(NPM_RUNS, () => verifier.verify(base.quote, bundle, base.now));
}

/** Milliseconds of each run, after some that are not counted. */
function timesOf(runs: number, work: () => unknown): number[] {
  for (let i = 0; i < runs / 3; i++) work();
  return Array.from({ length: runs }, () => {
    const start = performance.now();
    work();
    return performance.now() - start;
  });
}

function coldTimes(base: Base, folder: string): number[] {
  const program = join(folder, "tdx-cold");
  run([process.execPath, "build", "--compile", "--minify", "--outfile", program, resolve(import.meta.dir, "tdx-cold.ts")]);
  const [quote, bundle, anchor] = ["quote.bin", "bundle.json", "anchor.der"].map((name) => join(folder, name)) as [string, string, string];
  writeFileSync(quote, base.quote);
  writeFileSync(bundle, JSON.stringify(base.bundle));
  writeFileSync(anchor, base.anchors[0]!.certificate);
  const named = base.anchors[0]!.simulated ? [anchor] : [];
  return Array.from({ length: COLD_RUNS }, () => Number(run([program, quote, bundle, String(base.now), ...named])));
}

/** Quotes through the pool that a trustee verifies with. */
async function poolRate(all: readonly Base[]) {
  const { quotes, anchors, source, different, platforms } = poolWork(all);
  const pool = new VerifierPool({
    verifiers: { tdx: { collateral: source, expired: "reject" } },
    workers: POOL_WORKERS,
    waiting: IN_FLIGHT,
    recurring: "thread",
  });
  const { verify } = pool.verifiers.get("tdx")!;
  const round = async () => {
    let next = 0;
    const loop = async () => {
      for (let i = next++; i < quotes.length; i = next++) {
        const { evidence, reportData, now } = quotes[i]!;
        await verify(evidence, { reportData }, anchors, now);
      }
    };
    await Promise.all(Array.from({ length: IN_FLIGHT }, loop));
  };
  try {
    await round();
    const start = performance.now();
    for (let i = 0; i < POOL_ROUNDS; i++) await round();
    const count = quotes.length * POOL_ROUNDS;
    return { perSecond: count / ((performance.now() - start) / 1000), count, different, platforms };
  } finally {
    pool.stop();
  }
}

/** Quotes of one simulated machine, no two alike, and between them those of real machines, one a kind of platform. */
function poolWork(all: readonly Base[]) {
  const platform = SimulatedPlatform.create({ seed: new Uint8Array(32).fill(9), now: NOW });
  const simulated = Array.from({ length: DISTINCT_QUOTES }, (_, i) => {
    const reportData = new Uint8Array(64);
    new DataView(reportData.buffer).setUint32(0, i);
    return { evidence: { quote: platform.quote({ reportData }).toBase64() }, reportData, now: NOW };
  });
  const sets = new Map<string, Collateral>();
  const real = all.flatMap(({ quote, bundle, anchors, now }) => {
    const { tee, body } = parseQuote(quote);
    const { fmspc } = JSON.parse(bundle["tcb_info"]!) as { fmspc: string };
    if (tee !== "tdx" || anchors.some((anchor) => anchor.simulated) || sets.has(fmspc.toLowerCase())) return [];
    sets.set(fmspc.toLowerCase(), parseBundle(JSON.stringify(bundle)));
    return [{ evidence: { quote: quote.toBase64() }, reportData: body.report.reportData, now }];
  });
  const own = parseBundle(platform.bundle());
  return {
    quotes: simulated.flatMap((each, i) => (i % 10 === 0 && real.length > 0 ? [each, real[(i / 10) % real.length]!] : [each])),
    anchors: [...builtInAnchors(), { certificate: platform.anchorDer, simulated: true }],
    source: ({ fmspc, simulated: isSimulated }: CollateralRequest) => (isSimulated ? own : sets.get(fmspc)!),
    different: simulated.length + real.length,
    platforms: 1 + real.length,
  };
}
