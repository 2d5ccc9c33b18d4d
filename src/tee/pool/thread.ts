import { CaiError } from "../../system/index.ts";
import type { Claims, TrustAnchor } from "../tee.ts";
import {
  type CollateralNeed,
  type FromWorker,
  type Job,
  receivedError,
  type ToWorker,
  type UsedCollateral,
  type Verdict,
  type VerifierSettings,
} from "./message.ts";
import type { VersionedCollateral } from "./versioned-collateral.ts";

/** Collateral that a worker keeps at a time, in sets of documents. */
const MAX_VERSIONS = 64;

export interface ThreadOptions {
  readonly settings: VerifierSettings;
  /** gets collateral for the worker; asked once for each piece of evidence of which a verifier asked, so which is authentic */
  readonly collateral: (need: CollateralNeed) => Promise<VersionedCollateral>;
  /** how long the worker may be silent while it has something to verify, milliseconds */
  readonly timeout: number;
  /** called whenever the worker has less to do than before, and when it is lost */
  readonly changed: () => void;
}

interface Open {
  readonly work: Job;
  readonly anchors: readonly TrustAnchor[];
  readonly answer: PromiseWithResolvers<Claims>;
  /** whether the source was asked for this evidence */
  asked: boolean;
}

/** One worker, seen from the thread that gives it evidence. */
export class VerificationThread {
  readonly #worker: Worker;
  readonly #options: ThreadOptions;
  readonly #jobs = new Map<number, Open>();
  readonly #anchors = new Map<readonly TrustAnchor[], number>();
  /** what the worker has, the longest unused first */
  readonly #versions = new Set<string>();
  #given = 0;
  #waiting = 0;
  #watch: ReturnType<typeof setTimeout> | undefined;
  /** since when the worker has had something to verify and was not heard of */
  #silentSince = 0;
  #readySince = Number.POSITIVE_INFINITY;
  #lost: CaiError | undefined;

  constructor(worker: Worker, options: ThreadOptions) {
    this.#worker = worker;
    this.#options = options;
    worker.addEventListener("message", ({ data }: MessageEvent<FromWorker>) => this.#hear(data));
    worker.addEventListener("error", ({ message }: ErrorEvent) => this.#abandon(lost(message)));
    worker.addEventListener("close", () => this.#abandon(lost("it ended")));
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

  /** Jobs that the worker works on, without those for which the source of collateral is asked. */
  get busy(): number {
    return this.#jobs.size - this.#waiting;
  }

  /** @throws CaiError what the verifier throws; `tee.verifier-lost`, `tee.verifier-timeout` */
  verify(work: Job, anchors: readonly TrustAnchor[]): Promise<Claims> {
    const job = this.#given++;
    const open: Open = { work, anchors, answer: Promise.withResolvers<Claims>(), asked: false };
    this.#expectWord();
    this.#jobs.set(job, open);
    try {
      this.#assign(job, open);
    } catch (error) {
      // Evidence that cannot be cloned has not reached the worker.
      this.#jobs.delete(job);
      throw error;
    }
    return open.answer.promise;
  }

  /** Ends the worker; what it works on is refused. */
  end(): void {
    this.#abandon(lost("the program stops"));
  }

  #assign(job: number, { work, anchors }: Open): void {
    this.#send({ kind: "job", job, anchors: this.#anchorsNumber(anchors), work });
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
    const open = message.kind === "ready" ? undefined : this.#jobs.get(message.job);
    if (message.kind === "ready") this.#readySince = performance.now();
    else if (open !== undefined && message.kind === "need") this.#supply(message.job, open, message);
    else if (open !== undefined && message.kind === "verdict") this.#judge(message.job, open, message.used, message);
    this.#options.changed();
  }

  /** Gets what a verifier asked for. */
  #supply(job: number, open: Open, need: CollateralNeed): void {
    this.#whileAsking(open, need, (collateral) => {
      if (collateral instanceof CaiError) this.#send({ kind: "no collateral", job, error: collateral.toJSON() });
      else this.#give(job, need, collateral);
    });
  }

  /** A verdict on collateral that the source was not asked for holds where the source still gives the same; otherwise there is another one. */
  #judge(job: number, open: Open, used: UsedCollateral | undefined, verdict: Verdict): void {
    if (used === undefined || open.asked) {
      this.#settle(job, open, verdict);
      return;
    }
    this.#whileAsking(open, used, (collateral) => {
      if (collateral instanceof CaiError) this.#settle(job, open, { error: collateral.toJSON() });
      else if (collateral.version === used.version) this.#settle(job, open, verdict);
      else {
        this.#give(undefined, used, collateral);
        this.#assign(job, open);
      }
    });
  }

  #whileAsking(open: Open, { tee, request }: CollateralNeed, then: (collateral: VersionedCollateral | CaiError) => void): void {
    open.asked = true;
    this.#waiting++;
    const go = (collateral: VersionedCollateral | CaiError): void => {
      if (!this.alive) return;
      this.#expectWord();
      this.#waiting--;
      then(collateral);
      this.#options.changed();
    };
    this.#options.collateral({ tee, request }).then(go, (error) => go(CaiError.from(error)));
  }

  #settle(job: number, { answer }: Open, verdict: Verdict): void {
    this.#jobs.delete(job);
    if ("claims" in verdict) answer.resolve(JSON.parse(verdict.claims) as Claims);
    else answer.reject(receivedError(verdict.error));
  }

  /** Sends collateral, its content only where the worker does not have it. */
  #give(job: number | undefined, { tee, request }: CollateralNeed, { version, value }: VersionedCollateral): void {
    const known = this.#versions.delete(version);
    this.#versions.add(version);
    const [oldest] = this.#versions;
    const forget = this.#versions.size > MAX_VERSIONS ? oldest : undefined;
    if (forget !== undefined) this.#versions.delete(forget);
    this.#send({ kind: "collateral", job, tee, request, version, ...(!known && { value }), ...(forget !== undefined && { forget }) });
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

  #abandon(reason: CaiError): void {
    if (this.#lost !== undefined) return;
    this.#lost = reason;
    clearTimeout(this.#watch);
    this.#worker.terminate();
    for (const { answer } of this.#jobs.values()) answer.reject(reason);
    this.#jobs.clear();
    this.#waiting = 0;
    this.#options.changed();
  }
}

const lost = (why: string): CaiError => new CaiError("tee.verifier-lost", `the thread that verifies evidence is gone: ${why}`);
