import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { TrustAnchor } from "../../src/tee/index.ts";
import {
  builtInAnchors,
  createSimulatedTd,
  platformOf,
  SimulatedPlatform,
  type SimulatedTd,
  simulatedEventLog,
} from "../../src/tee/tdx/index.ts";

const NOW = 1_768_003_200;
const SEED = new Uint8Array(32).fill(7);
const VECTORS = resolve(process.env["CAI_VECTORS"] ?? resolve(import.meta.dir, "../../../shared/vectors"), "tdx");

/** Something that the verifier accepts, to be bent. */
export interface Base {
  readonly name: string;
  readonly quote: Uint8Array;
  /** members of tdx.md §2.9, form 1 */
  readonly bundle: Readonly<Record<string, string>>;
  readonly anchors: readonly TrustAnchor[];
  /** seconds since 1970 */
  readonly now: number;
  readonly eventLog?: Uint8Array;
}

/** Quotes of every shape from a simulated machine, and those of real machines where the vectors are there. */
export const bases = (): Base[] => [...simulatedBases(), ...realBases()];

function simulatedBases(): Base[] {
  const td = createSimulatedTd({ seed: SEED, now: NOW });
  const platform = platformOf(td);
  const anchors = [{ certificate: platform.anchorDer, simulated: true }];
  const reportData = new Uint8Array(64).fill(1);
  const [tdx, sgx] = (["tdx", "sgx"] as const).map((tee) => JSON.parse(platform.bundle(tee)) as Record<string, string>);
  const log = simulatedEventLog(td);
  const quoteOf = ({ mrTd, rtmrs, mrConfigId, tdAttributes }: SimulatedTd, version: 4 | 5, bodyType: 2 | 3 | 4): Uint8Array =>
    platform.quote({ reportData, mrTd, rtmrs, mrConfigId, tdAttributes, version, bodyType });
  const logged = { anchors, now: NOW, ...(log && { eventLog: log }) };
  return [
    { ...logged, name: "simulated TDX 4", quote: quoteOf(td, 4, 2), bundle: tdx! },
    ...([2, 3, 4] as const).map((type) => ({
      ...logged,
      name: `simulated TDX 5, body ${type}`,
      quote: quoteOf(td, 5, type),
      bundle: tdx!,
    })),
    ...([3, 4, 5] as const).map((version) => {
      const quote = platform.enclaveQuote({ reportData, version });
      return { name: `simulated SGX ${version}`, quote, bundle: sgx!, anchors, now: NOW };
    }),
    otherMachine(anchors),
  ];
}

/** Another machine under another root, which is trusted as well: nothing of one may count for the other. */
function otherMachine(anchors: readonly TrustAnchor[]): Base {
  const platform = SimulatedPlatform.create({ seed: new Uint8Array(32).fill(8), now: NOW });
  const quote = platform.quote({ reportData: new Uint8Array(64) });
  // Its collateral brings the chain along, as some bundles do.
  const chain = Buffer.from(quote.subarray(Buffer.from(quote).indexOf("-----BEGIN"), -1)).toString("latin1");
  return {
    name: "another simulated TDX 4",
    quote,
    bundle: { ...(JSON.parse(platform.bundle()) as Record<string, string>), pck_certificate_chain: chain },
    anchors: [...anchors, { certificate: platform.anchorDer, simulated: true }],
    now: NOW,
  };
}

const LOGS: Readonly<Record<string, string>> = { "quotes/tdx-v4-00806f05-google-cos113.bin": "ccel/cos113.bin" };

function realBases(): Base[] {
  if (!existsSync(VECTORS)) return [];
  const read = (path: string): Uint8Array => readFileSync(resolve(VECTORS, path));
  const json = (path: string): unknown => JSON.parse(readFileSync(resolve(VECTORS, path), "utf8"));
  const { positives } = json("expect.json") as {
    positives: { name: string; quote: string; collateral: string; unix: number; expect: { verdict: string } }[];
  };
  return positives
    .filter(({ expect }) => expect.verdict !== "reject")
    .map(({ name, quote, collateral, unix }) => ({
      name,
      quote: read(quote),
      bundle: json(collateral) as Record<string, string>,
      anchors: builtInAnchors(),
      now: unix,
      ...(LOGS[quote] !== undefined && { eventLog: read(LOGS[quote]) }),
    }));
}
