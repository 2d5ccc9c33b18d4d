import { parentPort } from "node:worker_threads";
import { CaiError } from "../../system/index.ts";
import { VerificationCache } from "../tdx/index.ts";
import type { TrustAnchor } from "../tee.ts";
import { type SignedTee, type VerifierOptions, verifiers } from "../verifiers.ts";
import { type FromWorker, receivedError, type ToWorker, type UsedCollateral, type VerifierSettings } from "./message.ts";

/** Verifies in this Worker what a pool sends: the whole program of the worker. */
export function serveVerifiers(): void {
  const port = parentPort;
  if (port === null) throw new Error("verifiers are served in a Worker only");
  const serving = new Serving((message) => port.postMessage(message));
  port.on("message", (message: ToWorker) => serving.receive(message));
}

/** What one worker knows. Everything in it came from the pool, and nothing of it is believed for that: verifiers check all of it. */
class Serving {
  readonly #post: (message: FromWorker) => void;
  readonly #anchors = new Map<number, readonly TrustAnchor[]>();
  readonly #contents = new Map<string, object>();
  /** by need, the version that was answered last */
  readonly #answered = new Map<string, string>();
  readonly #waiting = new Map<number, PromiseWithResolvers<object>>();
  readonly #cache = new VerificationCache();
  #settings: VerifierSettings = {};

  constructor(post: (message: FromWorker) => void) {
    this.#post = post;
  }

  receive(message: ToWorker): void {
    switch (message.kind) {
      case "settings":
        this.#settings = message.settings;
        this.#post({ kind: "ready" });
        return;
      case "anchors":
        this.#anchors.set(message.number, message.anchors);
        return;
      case "job":
        this.#work(message);
        return;
      case "collateral":
        this.#keep(message);
        if (message.job !== undefined) this.#take(message.job)?.resolve(this.#contents.get(message.version)!);
        return;
      case "no collateral":
        this.#take(message.job)?.reject(receivedError(message.error));
    }
  }

  #work({ job, anchors, work }: Extract<ToWorker, { kind: "job" }>): void {
    const { tee, evidence, reportData, initData, now } = work;
    const binding = { ...(reportData !== undefined && { reportData }), ...(initData !== undefined && { initData }) };
    let used: UsedCollateral | undefined;
    const source = (request: object): object | Promise<object> => {
      const version = this.#answered.get(keyOf(tee, request));
      const known = version === undefined ? undefined : this.#contents.get(version);
      if (version === undefined || known === undefined) return this.#ask(job, tee, request);
      used = { tee, request, version };
      return known;
    };
    // What is known, or what the pool answers, came from this platform's own source of collateral.
    const collateral = source as VerifierOptions[typeof tee]["collateral"];
    verifiers[tee]({ ...this.#settings[tee]!, collateral, cache: this.#cache })
      .verify(evidence, binding, this.#anchors.get(anchors)!, now)
      .then((claims) => this.#post({ kind: "verdict", job, used, claims: JSON.stringify(claims) }))
      .catch((error) => this.#post({ kind: "verdict", job, used, error: CaiError.from(error).toJSON() }));
  }

  #ask(job: number, tee: SignedTee, request: object): Promise<object> {
    const answer = Promise.withResolvers<object>();
    this.#waiting.set(job, answer);
    this.#post({ kind: "need", job, tee, request });
    return answer.promise;
  }

  #keep({ tee, request, version, value, forget }: Extract<ToWorker, { kind: "collateral" }>): void {
    if (value !== undefined) this.#contents.set(version, value);
    this.#answered.set(keyOf(tee, request), version);
    if (forget === undefined) return;
    this.#contents.delete(forget);
    for (const [key, each] of this.#answered) if (each === forget) this.#answered.delete(key);
  }

  #take(job: number): PromiseWithResolvers<object> | undefined {
    const answer = this.#waiting.get(job);
    this.#waiting.delete(job);
    return answer;
  }
}

/** Requests are small, and verifiers make them member by member in the same order. */
const keyOf = (tee: SignedTee, request: object): string => `${tee} ${JSON.stringify(request)}`;
