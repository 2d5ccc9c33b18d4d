import { availableParallelism } from "node:os";
import { CaiError, startWorker } from "../system/index.ts";
import type { OpenStation, Reply, Report, Request, Station } from "./station.ts";

/** Workers beyond this number gain nothing: memory bandwidth is used up (model-format.md §5.4). */
const MAX_WORKERS = 8;

/** What jobs are given to: each takes one at a time. */
export type Hands<Job, Result> = readonly Pick<Station<Job, Result>, "run">[];

/** Several stations that work at once. */
interface Crew<Job, Result> {
  readonly hands: Hands<Job, Result>;
  /** Lets every station wipe its keys, then ends the threads. */
  end(): Promise<void>;
  /** Ends the threads at once; jobs that run are refused with `reason`. */
  abandon(reason: CaiError): void;
}

export interface CrewPlan<Setup, Job, Result> {
  /** the Worker's file, and the same station for work that no thread pays for */
  readonly worker: `${string}-worker.ts`;
  readonly open: OpenStation<Setup, Job, Result>;
  /** 0: on the calling thread */
  readonly workers: number;
  /** copied to each Worker; what is secret in it is the caller's to wipe */
  readonly setup: Setup;
  readonly progress: (bytes: number) => void;
}

/** Below this size threads cost more time to start than they save. */
const SMALL_MODEL = 16 * 1024 * 1024;

/** How many Workers suit this machine and a model of `bytes`. */
export function suitableWorkers(bytes: number): number {
  return bytes < SMALL_MODEL ? 0 : Math.min(MAX_WORKERS, availableParallelism());
}

/**
 * Starts the stations, works with them, and lets each wipe its keys. Where the work fails or `signal` ends it, the threads end at once.
 *
 * @throws CaiError `model.interrupted`, and what a station or `work` throws
 */
export async function withCrew<Setup, Job, Result, Value>(
  plan: CrewPlan<Setup, Job, Result>,
  signal: AbortSignal | undefined,
  work: (hands: Hands<Job, Result>) => Promise<Value>,
): Promise<Value> {
  const crew = await startCrew(plan);
  const abort = () => crew.abandon(interrupted(signal));
  signal?.addEventListener("abort", abort);
  try {
    if (signal?.aborted) throw interrupted(signal);
    const value = await work(crew.hands);
    if (signal?.aborted) throw interrupted(signal);
    await crew.end();
    return value;
  } catch (error) {
    crew.abandon(CaiError.from(error));
    throw error;
  } finally {
    signal?.removeEventListener("abort", abort);
  }
}

/** The error of work that its caller ended. */
export function interrupted(signal: AbortSignal | undefined): CaiError {
  return new CaiError("model.interrupted", "the work was ended before it was complete", { cause: signal?.reason });
}

/** Starts the stations, and waits until each is ready. @throws CaiError what a station threw at its start */
async function startCrew<Setup, Job, Result>(plan: CrewPlan<Setup, Job, Result>): Promise<Crew<Job, Result>> {
  if (plan.workers === 0) return localCrew(await plan.open(plan.setup, plan.progress));
  const hands = Array.from({ length: plan.workers }, () => new Hand<Setup, Job, Result>(plan.worker, plan.progress));
  const abandon = (reason: CaiError) => {
    for (const hand of hands) hand.abandon(reason);
  };
  try {
    await Promise.all(hands.map((hand) => hand.ask({ setup: plan.setup })));
  } catch (error) {
    abandon(CaiError.from(error));
    throw error;
  }
  return {
    hands,
    abandon,
    async end() {
      await Promise.all(hands.map((hand) => hand.ask({ end: true })));
      abandon(new CaiError("internal.unexpected", "the worker has ended"));
    },
  };
}

function localCrew<Job, Result>(station: Station<Job, Result>): Crew<Job, Result> {
  let gone: CaiError | undefined;
  let running: Promise<unknown> = Promise.resolve();
  const run = (job: Job): Promise<Result> => {
    if (gone !== undefined) return Promise.reject(gone);
    const result = station.run(job);
    running = result;
    return result;
  };
  return {
    hands: [{ run }],
    end: () => station.end(),
    abandon(reason) {
      gone ??= reason;
      // A job cannot be broken off here, and must not lose its key half way.
      const end = () => station.end();
      running.then(end, end);
    },
  };
}

/** One Worker, seen from the thread that gives it jobs. It takes one request at a time. */
class Hand<Setup, Job, Result> {
  readonly #worker: Worker;
  #settle: { readonly resolve: (reply: Reply<Result>) => void; readonly reject: (error: CaiError) => void } | undefined;
  #gone: CaiError | undefined;

  constructor(file: `${string}-worker.ts`, progress: (bytes: number) => void) {
    this.#worker = startWorker(file);
    this.#worker.addEventListener("message", ({ data }: MessageEvent<Report<Result>>) => {
      if ("progress" in data) progress(data.progress);
      else if ("error" in data) this.#take()?.reject(new CaiError(data.error.id, data.error.message, data.error));
      else this.#take()?.resolve(data);
    });
    this.#worker.addEventListener("error", ({ message }: ErrorEvent) => {
      this.abandon(new CaiError("internal.unexpected", `a worker failed: ${message}`));
    });
  }

  async run(job: Job): Promise<Result> {
    const reply = await this.ask({ job });
    if (!("result" in reply)) throw new CaiError("internal.unexpected", "a worker gave no result");
    return reply.result;
  }

  ask(request: Request<Setup, Job>): Promise<Reply<Result>> {
    if (this.#gone !== undefined) return Promise.reject(this.#gone);
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
      this.#worker.postMessage(request);
    });
  }

  abandon(reason: CaiError): void {
    this.#gone ??= reason;
    this.#worker.terminate();
    this.#take()?.reject(reason);
  }

  #take() {
    const settle = this.#settle;
    this.#settle = undefined;
    return settle;
  }
}
