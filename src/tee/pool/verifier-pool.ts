import { CaiError, type JsonValue, startWorker } from "../../system/index.ts";
import type { Binding, Claims, TeeName, TrustAnchor, Verifier } from "../tee.ts";
import type { VerifierOptions } from "../verifiers.ts";
import type { Job, VerifierSettings } from "./message.ts";
import { VerificationThread } from "./thread.ts";
import { versioned } from "./versioned-collateral.ts";

/** While a worker verifies one piece of evidence, the next one is there already. */
const JOBS_PER_WORKER = 2;
const TIMEOUT_MS = 10_000;

export interface VerifierPoolOptions {
  /** the platforms, and what their verifiers are made from; sources of collateral are asked on this thread */
  readonly verifiers: { readonly [Tee in TeeName]?: VerifierOptions[Tee] };
  /** how many threads verify at most; each starts when there is work that the others have no hand free for */
  readonly workers: number;
  /** how much evidence waits for a thread or for collateral at most */
  readonly waiting: number;
  /** how long one verification may take, without the time that getting its collateral takes, milliseconds; default 10 s */
  readonly timeout?: number;
  /** default: a thread of this program */
  readonly start?: () => Worker;
}

interface Waiting {
  readonly work: Job;
  readonly anchors: readonly TrustAnchor[];
  readonly answer: PromiseWithResolvers<Claims>;
}

/** Verifies evidence in threads of its own, so that the thread that answers requests goes on answering them. */
export class VerifierPool {
  readonly #options: VerifierPoolOptions;
  readonly #settings: VerifierSettings;
  readonly #waiting: Waiting[] = [];
  /** evidence that was given to a thread and has no verdict yet */
  #open = 0;
  #threads: VerificationThread[] = [];
  #stopped = false;

  constructor(options: VerifierPoolOptions) {
    this.#options = options;
    this.#settings = Object.fromEntries(
      Object.entries(options.verifiers).map(([tee, { collateral: _, cache: __, ...settings }]) => [tee, settings]),
    );
  }

  /** One for each platform; they share the threads. */
  get verifiers(): ReadonlyMap<TeeName, Verifier> {
    const tees = Object.keys(this.#options.verifiers) as TeeName[];
    return new Map(tees.map((tee) => [tee, { tee, verify: (...call) => this.#verify(tee, ...call) }]));
  }

  /** The threads that were started and are not lost. */
  get threads(): number {
    return this.#threads.length;
  }

  /** Ends all threads; what they work on, and what waits, is refused with `tee.verifier-lost`. */
  stop(): void {
    this.#stopped = true;
    for (const thread of this.#threads) thread.end();
    for (const { answer } of this.#waiting.splice(0)) answer.reject(stopped());
  }

  #verify(tee: TeeName, evidence: JsonValue, binding: Binding, anchors: readonly TrustAnchor[], now: number): Promise<Claims> {
    if (this.#stopped) return Promise.reject(stopped());
    const { workers, waiting } = this.#options;
    if (this.#open + this.#waiting.length >= workers * JOBS_PER_WORKER + waiting) {
      return Promise.reject(new CaiError("kbs.busy", "there is too much evidence to verify", { hint: "Try again in a moment." }));
    }
    const answer = Promise.withResolvers<Claims>();
    this.#waiting.push({ work: { tee, evidence, reportData: binding.reportData, initData: binding.initData, now }, anchors, answer });
    this.#distribute();
    return answer.promise;
  }

  #distribute(): void {
    while (this.#waiting.length > 0) {
      const thread = this.#freeThread();
      if (thread === undefined) return;
      const { work, anchors, answer } = this.#waiting.shift()!;
      this.#open++;
      const done = () => this.#open--;
      try {
        thread.verify(work, anchors).finally(done).then(answer.resolve, answer.reject);
      } catch (error) {
        done();
        answer.reject(CaiError.from(error));
      }
    }
  }

  /** The one with least to do; a new one rather than one that has something to do. */
  #freeThread(): VerificationThread | undefined {
    let best: VerificationThread | undefined;
    for (const thread of this.#threads) if (best === undefined || thread.busy < best.busy) best = thread;
    if (best?.busy === 0) return best;
    if (this.#threads.length < this.#options.workers) return this.#startThread();
    return best !== undefined && best.busy < JOBS_PER_WORKER ? best : undefined;
  }

  #startThread(): VerificationThread {
    const { verifiers, timeout = TIMEOUT_MS, start = () => startWorker("tee/pool/verification-worker.ts") } = this.#options;
    const thread = new VerificationThread(start(), {
      settings: this.#settings,
      timeout,
      // The request is one that this platform's own verifier made.
      collateral: async (tee, request) => versioned(await verifiers[tee]!.collateral(request as never)),
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
