import { CaiError, type Logger } from "../../system/index.ts";
import type { Decision, Store } from "./store/index.ts";

/** Errors whose public decision id is known: the one that a denied peer may be told. */
const decisionIds = new WeakMap<CaiError, string>();

/** @returns the public id of the decision that ended with this error, where one was recorded */
export function decisionIdOf(error: CaiError): string | undefined {
  return decisionIds.get(error);
}

/** Writes down every decision: one row in the store, one line in the log. */
export class Recorder {
  readonly #store: Store;
  readonly #logger: Logger;

  constructor(store: Store, logger: Logger) {
    this.#store = store;
    this.#logger = logger;
  }

  /**
   * @param reason  for the log only: what the operator needs to know and a peer must not
   * @returns the decision's public id
   */
  async record(decision: Decision, reason?: string): Promise<string> {
    const { number, id } = await this.#store.decisions.append(decision);
    const { kind, outcome, tee, subject, error, policyHash, level, client } = decision;
    const policy = policyHash?.slice(0, 16);
    // Not by its name `level`: a line has a level of its own, which an alarm may look for.
    const fields = { outcome, decision: id, number, tee, subject, error, policy, assurance: level, client, reason };
    if (outcome === "allowed") this.#logger.info(kind, fields);
    else this.#logger.warn(kind, fields);
    return id;
  }

  /** Records a denial. @returns the error to throw; it remembers the decision's public id */
  async deny(cause: unknown, decision: Omit<Decision, "outcome" | "error">): Promise<CaiError> {
    const error = CaiError.from(cause);
    decisionIds.set(error, await this.record({ ...decision, outcome: "denied", error: error.id }, error.message));
    return error;
  }
}
