import { CaiError } from "../../system/index.ts";
import type { Claims, TeeName, TrustAnchor } from "../tee.ts";
import { type FromWorker, type Job, receivedError, type ToWorker, type VerifierSettings } from "./message.ts";
import type { VersionedCollateral } from "./versioned-collateral.ts";

/** Collateral that a worker keeps at a time, in documents' sets. */
const MAX_VERSIONS = 64;

export interface ThreadOptions {
  readonly settings: VerifierSettings;
  /** gets collateral for the worker; asked only where a verifier in it asked */
  readonly collateral: (tee: TeeName, request: object) => Promise<VersionedCollateral>;
  /** how long the worker may be silent while it has something to verify, milliseconds */
  readonly timeout: number;
  /** called whenever the worker has less to do than before, and when it is lost */
  readonly changed: () => void;
}

/** One worker, seen from the thread that gives it evidence. */
export class VerificationThread {
  readonly #worker: Worker;
  readonly #options: ThreadOptions;
  readonly #jobs = new Map<number, PromiseWithResolvers<Claims>>();
  readonly #anchors = new Map<readonly TrustAnchor[], number>();
  /** what the worker has, the longest unused first */
  readonly #versions = new Set<string>();
  #given = 0;
  #needs = 0;
  #watch: ReturnType<typeof setTimeout> | undefined;
  /** since when the worker has had something to verify and was not heard of */
  #silentSince = 0;
  #readySince = Number.POSITIVE_INFINITY;
  #lost: CaiError | undefined;

  constructor(worker: Worker, options: ThreadOptions) {
    this.#worker = worker;
    this.#options = options;
    worker.addEventListener("message", ({ data }: MessageEvent<FromWorker>) => this.#hear(data));
    worker.addEventListener("error", ({ message }: ErrorEvent) => this.#lose(message));
    worker.addEventListener("close", () => this.#lose("it ended"));
    this.#send({ kind: "settings", settings: options.settings });
  }

  /** False once the worker is lost; it takes nothing from then on. */
  get alive(): boolean {
    return this.#lost === undefined;
  }

  /** When the worker was ready, on the clock that never goes back, milliseconds; infinite where it still starts. */
  get readySince(): number {
    return this.#readySince;
  }

  /** Jobs that the worker works on, without those for which it waits for collateral. */
  get busy(): number {
    return this.#jobs.size - this.#needs;
  }

  /** @throws CaiError what the verifier throws; `tee.verifier-lost`, `tee.verifier-timeout` */
  verify(work: Job, anchors: readonly TrustAnchor[]): Promise<Claims> {
    const answer = Promise.withResolvers<Claims>();
    const job = this.#given++;
    this.#expectWord();
    this.#jobs.set(job, answer);
    try {
      this.#send({ kind: "job", job, anchors: this.#anchorsNumber(anchors), work });
    } catch (error) {
      // Evidence that cannot be cloned has not reached the worker.
      this.#jobs.delete(job);
      throw error;
    }
    return answer.promise;
  }

  /** Ends the worker; what it works on is refused. */
  end(): void {
    this.#abandon(lost("the program stops"));
  }

  /** Lists of anchors are few and never change, so each crosses once. */
  #anchorsNumber(anchors: readonly TrustAnchor[]): number {
    const known = this.#anchors.get(anchors);
    if (known !== undefined) return known;
    const number = this.#anchors.size;
    this.#send({ kind: "anchors", number, anchors });
    this.#anchors.set(anchors, number);
    return number;
  }

  #hear(message: FromWorker): void {
    this.#silentSince = performance.now();
    if (message.kind === "ready") this.#readySince = performance.now();
    else if (message.kind === "need") {
      this.#needs++;
      this.#options.collateral(message.tee, message.request).then(
        (collateral) => this.#give(message.need, collateral),
        (error) => this.#answer({ kind: "no collateral", need: message.need, error: CaiError.from(error).toJSON() }),
      );
    } else {
      const answer = this.#jobs.get(message.job);
      this.#jobs.delete(message.job);
      if (message.kind === "claims") answer?.resolve(JSON.parse(message.claims) as Claims);
      else answer?.reject(receivedError(message.error));
    }
    this.#options.changed();
  }

  /** Sends collateral, its content only where the worker does not have it. */
  #give(need: number, { version, value }: VersionedCollateral): void {
    const known = this.#versions.delete(version);
    this.#versions.add(version);
    const [oldest] = this.#versions;
    const forget = this.#versions.size > MAX_VERSIONS ? oldest : undefined;
    if (forget !== undefined) this.#versions.delete(forget);
    this.#answer({ kind: "collateral", need, version, ...(!known && { value }), ...(forget !== undefined && { forget }) });
  }

  #answer(message: ToWorker): void {
    if (!this.alive) return;
    this.#expectWord();
    this.#needs--;
    this.#send(message);
  }

  #send(message: ToWorker): void {
    this.#worker.postMessage(message);
  }

  /** Called before the worker gets something to verify. One timer for all: a worker that verifies is heard of often, and one that is stuck is not. */
  #expectWord(): void {
    if (this.busy === 0) this.#silentSince = performance.now();
    if (this.#watch !== undefined) return;
    const look = () => {
      this.#watch = undefined;
      if (this.busy === 0 || !this.alive) return;
      const left = this.#options.timeout - (performance.now() - this.#silentSince);
      if (left <= 0) this.#abandon(new CaiError("tee.verifier-timeout", "the verification took too long and was ended"));
      else this.#watch = setTimeout(look, left);
    };
    this.#watch = setTimeout(look, this.#options.timeout);
  }

  #lose(why: string): void {
    this.#abandon(lost(why));
  }

  #abandon(reason: CaiError): void {
    if (this.#lost !== undefined) return;
    this.#lost = reason;
    clearTimeout(this.#watch);
    this.#worker.terminate();
    for (const answer of this.#jobs.values()) answer.reject(reason);
    this.#jobs.clear();
    this.#needs = 0;
    this.#options.changed();
  }
}

const lost = (why: string): CaiError => new CaiError("tee.verifier-lost", `the thread that verifies evidence is gone: ${why}`);
