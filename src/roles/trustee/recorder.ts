import { boundDetail, type DecisionDetail } from "../../protocol/index.ts";
import { CaiError, type Logger, printable } from "../../system/index.ts";
import { DenialBudget } from "./denial-budget.ts";
import type { Decision, Store } from "./store/index.ts";

/** Errors whose public decision id is known: the one that a denied peer may be told. */
const decisionIds = new WeakMap<CaiError, string>();

/** @returns the public id of the decision that ended with this error, where one was recorded */
export function decisionIdOf(error: CaiError): string | undefined {
  return decisionIds.get(error);
}

/** What a record is about, as far as it is known when the request comes. */
export interface DecisionSubject extends Pick<Decision, "time" | "kind" | "realm" | "subject" | "digest"> {
  readonly client: string;
  /** the id of the request, as other lines of the log name it */
  readonly request?: string | undefined;
  /** what the client says of itself, see `unverifiedFacts` */
  readonly unverified?: Readonly<Record<string, string>> | undefined;
}

type Parts = Omit<DecisionDetail, "v">;

/** What becomes known on the way to a decision. */
export interface DecisionFacts extends Pick<Decision, "realm" | "tee" | "level" | "policyHash"> {
  /** parts that are lists are added to those noted before, all others replace them */
  readonly detail?: Parts;
  /** the request carried a token of this trustee, or of one of its administrators */
  readonly attested?: true;
}

const MAX_REASON = 1024;
/** How long what has no record of its own is counted together, milliseconds. */
const SUPPRESSION_WINDOW = 60_000;
const MAX_SUPPRESSED_IDS = 64;
/** Attestations whose client is remembered, so that a release names it without looking for that record. */
const MAX_CLIENTS = 10_000;
const LISTS = ["policies", "claims", "references", "explanations", "cut"] as const;

/** Denials that are counted and not recorded one by one. */
interface Suppression {
  /** milliseconds of the recorder's clock */
  readonly began: number;
  /** the public id of the record that says that denials are only counted from then on */
  readonly marker: Promise<string>;
  readonly counts: Map<string, number>;
}

/** Appraisals that are counted and not recorded one by one. */
interface CountedAppraisals extends Pick<Suppression, "began" | "marker"> {
  count: number;
}

/** One decision before its outcome is known. */
export interface DecisionDraft {
  note(facts: DecisionFacts): void;
  /** @returns the decision's public id */
  allow(): Promise<string>;
  /** @returns the error to throw; it remembers the decision's public id */
  deny(cause: unknown): Promise<CaiError>;
}

/** Writes down every decision: one row in the store, one line in the log; of floods, how many there were. */
export class Recorder {
  readonly #store: Store;
  readonly #logger: Logger;
  readonly #switches: readonly string[];
  readonly #clock: () => number;
  readonly #budget: DenialBudget;
  readonly #clients = new Map<string, string>();
  #suppression: Suppression | undefined;
  #appraisals: CountedAppraisals | undefined;

  /**
   * @param switches  what widens the defaults; stands in every record of an attestation or release (security.md §6)
   * @param clock     milliseconds, never going back
   */
  constructor(store: Store, logger: Logger, switches: readonly string[] = [], clock: () => number = () => performance.now()) {
    this.#store = store;
    this.#logger = logger;
    this.#switches = switches;
    this.#clock = clock;
    this.#budget = new DenialBudget(clock);
  }

  /** Begins a decision about a request. */
  begin(subject: DecisionSubject): DecisionDraft {
    const { request, unverified, ...columns } = subject;
    let known: Pick<Decision, "realm" | "tee" | "level" | "policyHash"> = {};
    let attested = false;
    let parts: Parts = {
      ...(request !== undefined && { request }),
      ...(unverified !== undefined && { unverified: { ...unverified } }),
      ...(this.#switches.length > 0 && subject.kind !== "admin" && { switches: this.#switches }),
    };
    const decision = (more: Parts = {}) => ({ ...columns, ...known, detail: boundDetail({ v: 1, ...parts, ...more }) });
    return {
      note: ({ detail, attested: isAttested, ...facts }) => {
        known = { ...known, ...facts };
        attested ||= isAttested === true;
        if (detail !== undefined) parts = joined(parts, detail);
      },
      allow: async () => {
        if (subject.kind === "appraise" && !this.#budget.takeAppraisal(subject.client)) return this.#countAppraisal(subject.time);
        const id = await this.record({ ...decision(), outcome: "allowed" }, undefined, request);
        if (subject.kind === "attest") this.#remember(id, subject.client);
        return id;
      },
      deny: async (cause) => {
        const error = CaiError.from(cause);
        const denied = { ...columns, ...known, outcome: "denied" as const, error: error.id };
        const isRecorded = this.#budget.take(subject.client, attested);
        const { detail } = decision({ reason: reasonOf(error) });
        decisionIds.set(error, await (isRecorded ? this.record({ ...denied, detail }, error.message, request) : this.#count(denied)));
        return error;
      },
    };
  }

  /** A denial of which nothing more is known than its subject: see {@link begin}. @returns the error to throw */
  async deny(cause: unknown, subject: DecisionSubject): Promise<CaiError> {
    return this.begin(subject).deny(cause);
  }

  /**
   * Writes one record and its line in the log; see {@link begin} for those that have more to say.
   *
   * @param reason   for the log only: what the operator needs to know and a peer must not
   * @param request  the id of the request
   * @returns the decision's public id
   */
  async record(decision: Decision, reason?: string, request?: string): Promise<string> {
    const { number, id } = await this.#store.decisions.append(decision);
    const { kind, outcome, tee, subject, error, policyHash, level, client, realm } = decision;
    const policy = policyHash?.slice(0, 16);
    // Not by its name `level`: a line has a level of its own, which an alarm may look for.
    const named = { outcome, decision: id, number, request, realm, tee, subject, error, policy };
    const fields = { ...named, assurance: level, client, reason };
    if (outcome === "allowed") this.#logger.info(kind, fields);
    else this.#logger.warn(kind, fields);
    return id;
  }

  /** @returns the address that asked for an attestation; undefined where that was recorded by another process, or long ago */
  clientOf(decision: string): string | undefined {
    return this.#clients.get(decision);
  }

  /**
   * Writes down how many denials and appraisals were counted, once their time is over; to be called again and again.
   *
   * @param now   seconds since 1970
   * @param last  the trustee ends, so that nothing is counted any more
   */
  async settle(now: number, last = false): Promise<void> {
    await this.#settleDenials(now, last);
    await this.#settleAppraisals(now, last);
  }

  #isOver(counted: { readonly began: number } | undefined, last: boolean): boolean {
    return counted !== undefined && (last || this.#clock() - counted.began >= SUPPRESSION_WINDOW);
  }

  async #settleDenials(now: number, last: boolean): Promise<void> {
    const suppression = this.#suppression;
    if (suppression === undefined || !this.#isOver(suppression, last)) return;
    this.#suppression = undefined;
    const total = [...suppression.counts.values()].reduce((sum, count) => sum + count, 0);
    const detail = boundDetail({ v: 1, suppressed: Object.fromEntries(suppression.counts) });
    const subject = `${total} denials that have no record of their own, counted since decision ${await suppression.marker}`;
    await this.record({ time: now, kind: "admin", outcome: "denied", error: "trustee.denials-counted", subject, detail });
  }

  async #settleAppraisals(now: number, last: boolean): Promise<void> {
    const counted = this.#appraisals;
    if (counted === undefined || !this.#isOver(counted, last)) return;
    this.#appraisals = undefined;
    const subject = `${counted.count} appraisals that have no record of their own, counted since decision ${await counted.marker}`;
    await this.record({ time: now, kind: "appraise", outcome: "allowed", subject, detail: boundDetail({ v: 1 }) });
  }

  #countAppraisal(time: number): Promise<string> {
    this.#appraisals ??= { began: this.#clock(), marker: this.#markAppraisals(time), count: 0 };
    this.#appraisals.count++;
    return this.#appraisals.marker;
  }

  async #markAppraisals(time: number): Promise<string> {
    const subject = "too many appraisals: from here on they are counted, and have no record of their own";
    try {
      return await this.record({ time, kind: "appraise", outcome: "allowed", subject, detail: boundDetail({ v: 1 }) });
    } catch (error) {
      this.#appraisals = undefined;
      throw error;
    }
  }

  #count({ time, kind, error }: Pick<Decision, "time" | "kind"> & { readonly error: CaiError["id"] }): Promise<string> {
    this.#suppression ??= { began: this.#clock(), marker: this.#mark(time, kind), counts: new Map() };
    const { counts, marker } = this.#suppression;
    const name = counts.has(error) || counts.size < MAX_SUPPRESSED_IDS ? error : "internal.unexpected";
    counts.set(name, (counts.get(name) ?? 0) + 1);
    return marker;
  }

  async #mark(time: number, kind: Decision["kind"]): Promise<string> {
    const subject = "too many denials: from here on they are counted, and have no record of their own";
    try {
      return await this.record({ time, kind, outcome: "denied", error: "trustee.denials-counted", subject, detail: boundDetail({ v: 1 }) });
    } catch (error) {
      this.#suppression = undefined;
      throw error;
    }
  }

  #remember(decision: string, client: string): void {
    this.#clients.set(decision, client);
    if (this.#clients.size > MAX_CLIENTS) this.#clients.delete(this.#clients.keys().next().value!);
  }
}

function joined(before: Parts, added: Parts): Parts {
  const all: Record<string, unknown> = { ...before, ...added };
  for (const list of LISTS) if (before[list] && added[list]) all[list] = [...before[list], ...added[list]];
  return all as Parts;
}

function reasonOf({ message, expected, got }: CaiError): NonNullable<DecisionDetail["reason"]> {
  const shown = (text: string) => printable(text.slice(0, MAX_REASON));
  return {
    message: shown(message),
    ...(expected !== undefined && { expected: shown(expected) }),
    ...(got !== undefined && { got: shown(got) }),
  };
}
