import { CaiError, type JsonValue, startWorker } from "../../system/index.ts";
import type { Binding, Claims, TrustAnchor, Verifier } from "../tee.ts";
import { type SignedTee, type VerifierOptions, verifiers } from "../verifiers.ts";
import type { Job, VerifierSettings } from "./message.ts";
import { VerificationThread } from "./thread.ts";
import { versioned } from "./versioned-collateral.ts";

/** While a worker verifies one piece of evidence, the next one is there already. */
const JOBS_PER_WORKER = 2;
const TIMEOUT_MS = 10_000;
/** A thread costs some 25 MB and a tenth of a second to start; most evidence is verified in a tenth of a millisecond. */
const PATIENCE_MS = 5;
/** How long a thread without anything to verify is kept, milliseconds: the evidence of machines that are known needs none. */
const IDLE_MS = 10_000;
/** Machines that are known at a time. */
const MAX_KNOWN = 1024;

export interface VerifierPoolOptions {
  /** the platforms, and what their verifiers are made from; sources of collateral are asked on this thread */
  readonly verifiers: { readonly [Tee in SignedTee]?: VerifierOptions[Tee] };
  /** how many threads verify at most; the first starts with the first evidence, another where evidence waits too long for those that are there */
  readonly workers: number;
  /** how much evidence waits for a thread or for collateral at most */
  readonly waiting: number;
  /** how long one verification may take, without the time that getting its collateral takes, milliseconds; default 10 s */
  readonly timeout?: number;
  /** how long evidence waits for the threads that are there before another one starts, milliseconds; default 5 */
  readonly patience?: number;
  /** how long threads are kept that have nothing to verify, milliseconds; default 10 s */
  readonly idle?: number;
  /**
   * Where to verify what machines send that a thread has verified before: `here` (default), on the calling thread, for handing it over takes as long as
   * verifying it; or in a `thread` like everything else.
   */
  readonly recurring?: "here" | "thread";
  /** default: a thread of this program */
  readonly start?: () => Worker;
}

interface Waiting {
  readonly work: Job;
  readonly anchors: readonly TrustAnchor[];
  readonly answer: PromiseWithResolvers<Claims>;
  /** on the clock that never goes back, milliseconds */
  readonly since: number;
}

/**
 * Verifies evidence in threads of its own, so that the thread that answers requests goes on answering them: evidence of machines that are not known
 * yet, whose certificates and logs take time, and whatever is wrong with it. What a known machine sends again is verified at once.
 */
export class VerifierPool {
  readonly #options: VerifierPoolOptions;
  readonly #settings: VerifierSettings;
  readonly #local: ReadonlyMap<SignedTee, Verifier>;
  /** what recurs in the evidence of machines that were verified, the longest unused first */
  readonly #known = new Set<string>();
  readonly #waiting: Waiting[] = [];
  /** evidence that was given to a thread and has no verdict yet */
  #open = 0;
  #threads: VerificationThread[] = [];
  #stopped = false;
  #hurry: ReturnType<typeof setTimeout> | undefined;
  #rest: ReturnType<typeof setTimeout> | undefined;

  constructor(options: VerifierPoolOptions) {
    this.#options = options;
    const tees = Object.keys(options.verifiers) as SignedTee[];
    this.#local = new Map(tees.map((tee) => [tee, verifiers[tee](options.verifiers[tee]!)]));
    this.#settings = Object.fromEntries(
      Object.entries(options.verifiers).map(([tee, { collateral: _, cache: __, ...settings }]) => [tee, settings]),
    );
  }

  /** One for each platform; they share the threads. */
  get verifiers(): ReadonlyMap<SignedTee, Verifier> {
    return new Map([...this.#local].map(([tee, local]) => [tee, { ...local, verify: (...call) => this.#verify(tee, local, ...call) }]));
  }

  /** The threads that were started and are not lost. */
  get threads(): number {
    return this.#threads.length;
  }

  /** Evidence that waits for a thread. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Ends all threads; what they work on, and what waits, is refused with `tee.verifier-lost`. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#hurry);
    clearTimeout(this.#rest);
    for (const thread of this.#threads) thread.end();
    for (const { answer } of this.#waiting.splice(0)) answer.reject(stopped());
  }

  async #verify(tee: SignedTee, local: Verifier, ...call: Parameters<Verifier["verify"]>): Promise<Claims> {
    const key = this.#options.recurring === "thread" ? undefined : local.recurring?.(call[0]);
    if (key !== undefined && this.#known.delete(key) && !this.#stopped) {
      this.#known.add(key);
      return local.verify(...call);
    }
    const claims = await this.#inThread(tee, ...call);
    if (key !== undefined) this.#remember(key);
    return claims;
  }

  #remember(key: string): void {
    this.#known.add(key);
    const [oldest] = this.#known;
    if (this.#known.size > MAX_KNOWN) this.#known.delete(oldest!);
  }

  #inThread(tee: SignedTee, evidence: JsonValue, binding: Binding, anchors: readonly TrustAnchor[], now: number): Promise<Claims> {
    if (this.#stopped) return Promise.reject(stopped());
    const { workers, waiting } = this.#options;
    if (this.#open + this.#waiting.length >= workers * JOBS_PER_WORKER + waiting) {
      return Promise.reject(new CaiError("kbs.busy", "there is too much evidence to verify", { hint: "Try again in a moment." }));
    }
    const answer = Promise.withResolvers<Claims>();
    const work = { tee, evidence, reportData: binding.reportData, initData: binding.initData, now };
    this.#waiting.push({ work, anchors, answer, since: performance.now() });
    this.#distribute();
    return answer.promise;
  }

  #distribute(): void {
    while (this.#waiting.length > 0) {
      const thread = this.#freeThread();
      if (thread === undefined) {
        this.#lookAgain();
        return;
      }
      const { work, anchors, answer } = this.#waiting.shift()!;
      this.#open++;
      const done = () => {
        this.#open--;
        this.#restLater();
      };
      try {
        thread.verify(work, anchors).finally(done).then(answer.resolve, answer.reject);
      } catch (error) {
        done();
        answer.reject(CaiError.from(error));
      }
    }
  }

  /** The one with least to do, or a new one; undefined where the evidence that came first has to wait. */
  #freeThread(): VerificationThread | undefined {
    let best: VerificationThread | undefined;
    for (const thread of this.#threads) if (best === undefined || thread.busy < best.busy) best = thread;
    if (best !== undefined && best.busy < JOBS_PER_WORKER) return best;
    // While a thread starts, nothing can be told of whether another one is needed.
    const waitsSince = Math.max(this.#waiting[0]!.since, ...this.#threads.map(({ readySince }) => readySince));
    if (best !== undefined && (!this.#mayGrow || performance.now() - waitsSince < this.#patience)) return undefined;
    return this.#startThread();
  }

  /** Whatever ends gives evidence that waits to a thread; where nothing ends, another thread may have to start. */
  #lookAgain(): void {
    if (!this.#mayGrow || this.#hurry !== undefined) return;
    this.#hurry = setTimeout(() => {
      this.#hurry = undefined;
      this.#distribute();
    }, this.#patience);
  }

  /** Ends the threads once none of them has had anything to verify for a while. */
  #restLater(): void {
    clearTimeout(this.#rest);
    if (this.#open > 0 || this.#waiting.length > 0 || this.#stopped) return;
    this.#rest = setTimeout(() => {
      if (this.#open > 0 || this.#waiting.length > 0) return;
      for (const thread of this.#threads) thread.end();
    }, this.#options.idle ?? IDLE_MS);
    this.#rest.unref();
  }

  get #mayGrow(): boolean {
    return this.#threads.length < this.#options.workers;
  }

  get #patience(): number {
    return this.#options.patience ?? PATIENCE_MS;
  }

  #startThread(): VerificationThread {
    const { timeout = TIMEOUT_MS, start = () => startWorker("tee/pool/verification-worker.ts") } = this.#options;
    const thread = new VerificationThread(start(), {
      settings: this.#settings,
      timeout,
      // The request is one that this platform's own verifier made.
      collateral: async ({ tee, request }) => versioned(await this.#options.verifiers[tee]!.collateral(request as never)),
      changed: () => {
        this.#threads = this.#threads.filter(({ alive }) => alive);
        if (!this.#stopped) this.#distribute();
      },
    });
    this.#threads.push(thread);
    return thread;
  }
}

const stopped = (): CaiError => new CaiError("tee.verifier-lost", "no evidence is verified any more: the program stops");
