import { parentPort } from "node:worker_threads";
import { CaiError } from "../../system/index.ts";
import type { TeeName, TrustAnchor, Verifier } from "../tee.ts";
import { type VerifierOptions, verifiers } from "../verifiers.ts";
import { type FromWorker, receivedError, type ToWorker, type VerifierSettings } from "./message.ts";

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
  readonly #made = new Map<TeeName, Verifier>();
  readonly #anchors = new Map<number, readonly TrustAnchor[]>();
  readonly #collateral = new Map<string, object>();
  readonly #needs = new Map<number, PromiseWithResolvers<object>>();
  #settings: VerifierSettings = {};
  #needed = 0;

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
      case "collateral": {
        const { need, version, value, forget } = message;
        if (value !== undefined) this.#collateral.set(version, value);
        if (forget !== undefined) this.#collateral.delete(forget);
        this.#take(need)?.resolve(this.#collateral.get(version)!);
        return;
      }
      case "no collateral":
        this.#take(message.need)?.reject(receivedError(message.error));
    }
  }

  #work({ job, anchors, work }: Extract<ToWorker, { kind: "job" }>): void {
    const { tee, evidence, reportData, initData, now } = work;
    const binding = { reportData, ...(initData !== undefined && { initData }) };
    this.#verifier(tee)
      .verify(evidence, binding, this.#anchors.get(anchors)!, now)
      .then((claims) => this.#post({ kind: "claims", job, claims: JSON.stringify(claims) }))
      .catch((error) => this.#post({ kind: "error", job, error: CaiError.from(error).toJSON() }));
  }

  #verifier(tee: TeeName): Verifier {
    const known = this.#made.get(tee);
    if (known !== undefined) return known;
    // What the pool answers came from this platform's own source of collateral.
    const collateral = ((request: object) => this.#need(tee, request)) as VerifierOptions[typeof tee]["collateral"];
    const verifier = verifiers[tee]({ ...this.#settings[tee]!, collateral });
    this.#made.set(tee, verifier);
    return verifier;
  }

  #need(tee: TeeName, request: object): Promise<object> {
    const need = this.#needed++;
    const answer = Promise.withResolvers<object>();
    this.#needs.set(need, answer);
    this.#post({ kind: "need", need, tee, request });
    return answer.promise;
  }

  #take(need: number): PromiseWithResolvers<object> | undefined {
    const answer = this.#needs.get(need);
    this.#needs.delete(need);
    return answer;
  }
}
