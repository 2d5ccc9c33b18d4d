import { batchFiles } from "./batch.ts";
import { type CrewPlan, type Hands, suitableWorkers, withCrew } from "./crew.ts";
import type { Plan } from "./plan.ts";
import { createRing, Ring } from "./ring.ts";
import { openSealer, type SealJob, type SealSetup, type SealSource, spanSize } from "./seal.ts";

export interface SealFilesOptions {
  readonly plan: Plan;
  readonly prk: Uint8Array;
  readonly base: string;
  /** descriptor of the archive */
  readonly output: number;
  readonly digest: boolean;
  readonly workers?: number | undefined;
  readonly progress?: ((done: number, total: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

type SealHands = Hands<SealJob, readonly string[]>;

/** From this size on a file is hashed on one core while another encrypts it; smaller ones are done whole, several to a job. */
const LARGE_FILE = 32 * 1024 * 1024;
const RING_SPANS = 8;

/**
 * Encrypts and hashes all files of a plan into the archive, on all cores.
 *
 * @returns the SHA-256 in hex by file number; empty where no digests are wanted
 * @throws CaiError `model.source-changed`, `model.interrupted`, `cli.input-unreadable`, `cli.output-failed`
 */
export async function sealFiles(options: SealFilesOptions): Promise<ReadonlyMap<number, string>> {
  const { plan, digest, base, output, signal } = options;
  let done = 0;
  const setup: SealSetup = { prk: options.prk.slice(), core: plan.core, base, output };
  const crew: CrewPlan<SealSetup, SealJob, readonly string[]> = {
    worker: "model/encrypt-worker.ts",
    open: openSealer,
    workers: options.workers ?? suitableWorkers(plan.plaintext),
    setup,
    progress(bytes) {
      done += bytes;
      options.progress?.(done, plan.plaintext);
    },
  };
  try {
    return await withCrew(crew, signal, (hands) => new Sealing(hands, plan, digest).all());
  } finally {
    setup.prk.fill(0);
  }
}

/** Hands the files of one plan out to a crew. */
class Sealing {
  readonly #hands: SealHands;
  readonly #digest: boolean;
  readonly #span: number;
  readonly #large: SealSource[];
  readonly #batches: SealSource[][];
  readonly #digests = new Map<number, string>();

  constructor(hands: SealHands, plan: Plan, digest: boolean) {
    this.#hands = hands;
    this.#digest = digest;
    this.#span = spanSize(plan.core);
    this.#large = plan.sources.filter(({ file }) => file.size >= LARGE_FILE).sort((a, b) => b.file.size - a.file.size);
    const small = plan.sources.filter(({ file }) => file.size < LARGE_FILE);
    this.#batches = batchFiles(small, ({ file }) => file.size);
  }

  /** Large files first, each by two threads where it is to be hashed; the small ones fill what time is left. */
  async all(): Promise<ReadonlyMap<number, string>> {
    const hands = this.#hands;
    const team = this.#digest ? 2 : 1;
    const teams = Array.from({ length: Math.ceil(hands.length / team) }, (_, number) => hands.slice(number * team, (number + 1) * team));
    await Promise.all(
      teams.map(async (members) => {
        for (let source = this.#large.shift(); source !== undefined; source = this.#large.shift()) await this.#sealLarge(members, source);
        await Promise.all(members.map((hand) => this.#sealBatches(hand)));
      }),
    );
    return this.#digests;
  }

  async #sealLarge([hand, helper]: SealHands, source: SealSource): Promise<void> {
    if (helper === undefined) return this.#sealWhole(hand!, [source]);
    const ring = createRing(this.#span, RING_SPANS);
    const jobs = [helper.run({ kind: "hash", source, ring }), hand!.run({ kind: "seal", file: source.file, ring })] as const;
    // A thread that fails stops the ring itself; one that is lost cannot, and the other must not wait for it.
    for (const job of jobs) job.catch(() => new Ring(ring).stop());
    const [[digest]] = await Promise.all(jobs);
    this.#digests.set(source.file.fileNo, digest!);
  }

  async #sealBatches(hand: SealHands[number]): Promise<void> {
    for (let batch = this.#batches.shift(); batch !== undefined; batch = this.#batches.shift()) await this.#sealWhole(hand, batch);
  }

  async #sealWhole(hand: SealHands[number], sources: readonly SealSource[]): Promise<void> {
    const digests = await hand.run({ kind: "files", sources, digest: this.#digest });
    for (const [number, digest] of digests.entries()) this.#digests.set(sources[number]!.file.fileNo, digest);
  }
}
