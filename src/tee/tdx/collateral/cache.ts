import { CaiError, type Logger } from "../../../system/index.ts";
import { type Collateral, malformed } from "../collateral.ts";
import type { CollateralRequest } from "../collateral-source.ts";
import { rfc3339 } from "../validity.ts";
import { authenticateCollateral, type CollateralFacts } from "./authentic.ts";
import type { FileSet } from "./file.ts";
import { checkHighWater, type HighWater, highWaterKey, raiseHighWater, startingHighWater } from "./high-water.ts";
import { beyondLimits, byPlatform, type CollateralShelf, IMPORTED, type KeptSet, listName, setKey } from "./kept-set.ts";
import { type CollateralAccess, type ObtainedCollateral, obtainCollateral } from "./obtain.ts";
import type { CollateralOrigin } from "./origin.ts";
import type { CollateralUpdate } from "./pcs.ts";

const HOUR = 3600;
/** A set this old is renewed beside its use, one this old before it (tdx.md §2.8). */
const RENEW_AFTER = 72 * HOUR;
const RENEW_FIRST_AFTER = 168 * HOUR;
/** How long before the first of its dates a set is renewed. */
const RENEW_BEFORE_END = 24 * HOUR;
/** After an attempt to renew that failed, or gave what is to be renewed again: some services serve the same old documents for long. */
const PAUSE = HOUR;
/** After a failed first attempt, since nobody is served meanwhile. */
const FIRST_PAUSE = 30;
const MAX_FLIGHTS = 16;
/** Marks stay for ever, one for each kind of platform that the manufacturer ever made and that was seen here. */
const MAX_MARKS = 1024;
const MAX_ATTEMPTS = 512;
/** What the cache works with. */
export interface CollateralCacheParts {
  readonly shelf: CollateralShelf;
  /** its update is that of all sets of the cache */
  readonly access: CollateralAccess & Required<Pick<CollateralAccess, "cache" | "update">>;
  /**
   * Files at the head are read anew each time and come before anything that is kept. Where nothing follows them, nothing is fetched, and besides them
   * only what was imported serves.
   */
  readonly origins: () => Promise<readonly CollateralOrigin[]>;
  readonly logger: Logger;
  /** seconds of a clock that nobody sets, for pauses (security.md I15) */
  readonly elapsed: () => number;
  /** when the program was made; seconds since 1970 */
  readonly made?: number;
}

interface Attempt {
  /** until then there is no other; by the clock that nobody sets */
  readonly until: number;
  /** undefined after a success */
  readonly error: CaiError | undefined;
}

/**
 * Gives collateral from files, from what is kept, and from origins, in this order (tdx.md §2.8). Whatever it gives was signed by the manufacturer
 * and is not older than what was seen before; whether it is good enough now is decided by verification and policy, never here.
 */
export class CollateralCache {
  readonly #parts: CollateralCacheParts;
  readonly #flights = new Map<string, Promise<ObtainedCollateral>>();
  readonly #attempts = new Map<string, Attempt>();

  constructor(parts: CollateralCacheParts) {
    this.#parts = parts;
  }

  /** @throws CaiError as {@link obtainCollateral}, where nothing is kept either */
  async collateral(request: CollateralRequest): Promise<Collateral> {
    const all = await this.#parts.origins();
    const count = all.findIndex(({ kind }) => kind !== "file");
    const [files, origins] = count < 0 ? [all, []] : [all.slice(0, count), all.slice(count)];
    const file = files.length === 0 ? undefined : await this.#fromFiles(files, request);
    if (file instanceof CaiError || file === undefined) return (await this.#keptOrFetched(request, origins, file)).collateral;
    if (!this.#expired(file.facts)) return file.collateral;
    // A file that is past its date is better than nothing, and anything else is better.
    return (await this.#keptOrFetched(request, origins, undefined).catch(orElse(file))).collateral;
  }

  /** Every set that is kept, newest first within a kind of platform, with what went wrong when it was last to be renewed. */
  async list(): Promise<(KeptSet & { readonly problem: CaiError | undefined })[]> {
    const sets = [...(await this.#parts.shelf.sets())];
    return sets.map(([key, set]) => ({ ...set, problem: this.#attempts.get(key)?.error })).sort(byPlatform);
  }

  /** The newest set of each kind of platform that is not older than what was seen. */
  async newest(): Promise<KeptSet[]> {
    const marks = await this.#parts.shelf.marks();
    const current = (await this.list()).filter(({ facts, update }) => !this.#isRolledBack(facts, update, marks));
    return [...new Map(current.reverse().map((set) => [highWaterKey(set.facts, set.update), set])).values()].reverse();
  }

  /**
   * Keeps the sets of a file: all of them, or none.
   *
   * @throws CaiError `tdx.collateral-rolled-back`, `tdx.collateral-malformed`, and the reasons of {@link authenticateCollateral}
   */
  async import(given: readonly FileSet[], fetched: number): Promise<readonly KeptSet[]> {
    const { access } = this.#parts;
    const sets = given.map(({ collateral, about, ca, update = access.update }): KeptSet => {
      const facts = authenticateCollateral(collateral, about?.tee ?? "tdx", access.anchors, access.cache);
      if (ca !== undefined && ca !== facts.ca) throw malformed("", `the ${ca} CA, as the set is labelled`, `the ${facts.ca} CA`);
      // A file for one machine may carry that machine's chain. What is kept is for all of its kind.
      const shared = { ...collateral, pckCertificateChain: undefined };
      return { collateral: shared, facts, update, origin: "import", fetched, list: IMPORTED };
    });
    await this.#keep(sets);
    return sets;
  }

  async #fromFiles(files: readonly CollateralOrigin[], request: CollateralRequest): Promise<ObtainedCollateral | CaiError> {
    const { access } = this.#parts;
    try {
      const obtained = await obtainCollateral(files, request, access, await this.#check());
      await this.#see(obtained.facts);
      return obtained;
    } catch (error) {
      return orElse(error as CaiError)(error);
    }
  }

  /** @param before  why nothing came from a file, for the error's text */
  async #keptOrFetched(
    request: CollateralRequest,
    origins: readonly CollateralOrigin[],
    before: CaiError | undefined,
  ): Promise<ObtainedCollateral> {
    const list = listName(origins);
    const kept = await this.#newestFor(request, list);
    if (kept !== undefined && (origins.length === 0 || this.#due(kept) === "no")) return kept;
    if (origins.length === 0 && before !== undefined) throw before;
    const renewal = this.#renew(request, origins, list, kept);
    if (kept !== undefined && this.#due(kept) === "soon") {
      // Its failure is logged; whoever asks now has what he wants.
      renewal.catch(() => undefined);
      return kept;
    }
    try {
      return await renewal;
    } catch (error) {
      if (kept !== undefined) return orElse<ObtainedCollateral>(kept)(error);
      if (before === undefined || !(error instanceof CaiError)) throw error;
      throw new CaiError(error.id, `${before.message}; ${error.message}`, { cause: error });
    }
  }

  /** One attempt at a time for a set, and none before the pause after the last is over. */
  #renew(request: CollateralRequest, origins: readonly CollateralOrigin[], list: string, kept: KeptSet | undefined) {
    const key = setKey(request, list, this.#parts.access.update);
    const flight = this.#flights.get(key);
    if (flight !== undefined) return flight;
    const last = this.#attempts.get(key);
    if (last !== undefined && this.#parts.elapsed() < last.until) {
      if (kept !== undefined) return Promise.resolve<ObtainedCollateral>(kept);
      if (last.error !== undefined) return Promise.reject<ObtainedCollateral>(last.error);
    }
    if (this.#flights.size >= MAX_FLIGHTS) {
      const busy = new CaiError("tdx.collateral-unavailable", `collateral for ${MAX_FLIGHTS} other kinds of platforms is being fetched`);
      return Promise.reject<ObtainedCollateral>(busy);
    }
    const attempt = this.#attempt(key, request, origins, list, kept).finally(() => this.#flights.delete(key));
    this.#flights.set(key, attempt);
    return attempt;
  }

  async #attempt(
    key: string,
    request: CollateralRequest,
    origins: readonly CollateralOrigin[],
    list: string,
    kept: KeptSet | undefined,
  ): Promise<ObtainedCollateral> {
    const { access, logger } = this.#parts;
    const { tee, fmspc, ca } = request;
    try {
      const obtained = await obtainCollateral(origins, request, access, await this.#check());
      const set = { ...obtained, update: access.update, fetched: access.now(), list };
      await this.#keep([set]);
      this.#note(key, this.#due(set) === "no" ? 0 : PAUSE, undefined);
      const until = rfc3339(obtained.facts.expires);
      if (this.#expired(obtained.facts)) logger.warn("collateral is past its date at every source", { tee, fmspc, ca, until });
      else logger.info("collateral fetched", { tee, fmspc, ca, origin: obtained.origin, until });
      return obtained;
    } catch (error) {
      access.signal?.throwIfAborted();
      const failure = CaiError.from(error);
      const known = failure.id !== "tdx.collateral-unavailable";
      this.#note(key, kept !== undefined || known ? PAUSE : FIRST_PAUSE, failure);
      const serves = kept === undefined ? "nothing is kept" : rfc3339(kept.facts.expires);
      logger.warn("collateral could not be fetched", { tee, fmspc, ca, error: failure.id, reason: failure.message, serves_until: serves });
      throw error;
    }
  }

  #note(key: string, pause: number, error: CaiError | undefined): void {
    this.#attempts.delete(key);
    this.#attempts.set(key, { until: this.#parts.elapsed() + pause, error });
    const [oldest] = this.#attempts.keys();
    if (this.#attempts.size > MAX_ATTEMPTS && oldest !== undefined) this.#attempts.delete(oldest);
  }

  async #newestFor(request: CollateralRequest, list: string): Promise<KeptSet | undefined> {
    const { shelf, access } = this.#parts;
    const marks = await shelf.marks();
    const fitting = [...(await shelf.sets()).values()].filter(
      (set) =>
        (set.list === list || set.list === IMPORTED) &&
        set.update === access.update &&
        (["tee", "fmspc", "ca", "anchor"] as const).every((name) => set.facts[name] === request[name]) &&
        !this.#isRolledBack(set.facts, set.update, marks),
    );
    return fitting.sort(byPlatform)[0];
  }

  #due({ fetched, facts }: KeptSet): "no" | "soon" | "now" {
    const now = this.#parts.access.now();
    const age = now - fetched;
    // One that was fetched in the future was fetched under another clock.
    if (this.#expired(facts) || age >= RENEW_FIRST_AFTER || age < 0) return "now";
    return age >= RENEW_AFTER || now >= facts.expires - RENEW_BEFORE_END ? "soon" : "no";
  }

  #expired({ expires }: CollateralFacts): boolean {
    return this.#parts.access.now() > expires;
  }

  /** @returns what throws `tdx.collateral-rolled-back` for a set that is older than what was seen */
  async #check(): Promise<(facts: CollateralFacts) => void> {
    const marks = await this.#parts.shelf.marks();
    return (facts) => checkHighWater(facts, this.#markOf(facts, this.#parts.access.update, marks));
  }

  #markOf(facts: CollateralFacts, update: CollateralUpdate, marks: ReadonlyMap<string, HighWater>): HighWater {
    return startingHighWater(marks.get(highWaterKey(facts, update)), facts, update, this.#parts.made);
  }

  #isRolledBack(facts: CollateralFacts, update: CollateralUpdate, marks: ReadonlyMap<string, HighWater>): boolean {
    try {
      checkHighWater(facts, this.#markOf(facts, update, marks));
      return false;
    } catch (error) {
      if (error instanceof CaiError) return true;
      throw error;
    }
  }

  /** Raises the mark for a set that is used and not kept. */
  async #see(facts: CollateralFacts): Promise<void> {
    const { shelf, access } = this.#parts;
    const raised = this.#raised([{ facts, update: access.update }], await shelf.marks());
    if (raised.size > 0) await shelf.write({ marks: raised });
  }

  async #keep(sets: readonly KeptSet[]): Promise<void> {
    const { shelf } = this.#parts;
    const marks = this.#raised(sets, await shelf.marks());
    const before = await shelf.sets();
    const added = new Map(sets.map((set) => [setKey(set.facts, set.list, set.update), set]));
    await shelf.write({ marks, sets: added, removed: beyondLimits(new Map([...before, ...added]), added) });
  }

  /** @throws CaiError `tdx.collateral-rolled-back`; `tdx.collateral-unavailable` where there is no room for another mark */
  #raised(sets: readonly Pick<KeptSet, "facts" | "update">[], marks: ReadonlyMap<string, HighWater>): Map<string, HighWater> {
    const raised = new Map<string, HighWater>();
    for (const { facts, update } of sets) {
      const key = highWaterKey(facts, update);
      const mark = this.#markOf(facts, update, new Map([...marks, ...raised]));
      checkHighWater(facts, mark);
      const higher = raiseHighWater(mark, facts);
      if (higher !== mark) raised.set(key, higher);
    }
    if (new Set([...marks.keys(), ...raised.keys()]).size > MAX_MARKS) {
      throw new CaiError("tdx.collateral-unavailable", `collateral for more than ${MAX_MARKS} kinds of platforms was seen`);
    }
    return raised;
  }
}

/** Takes a value instead of an error that was about collateral. A store that cannot be believed is another matter, and so is a mistake of ours. */
const orElse =
  <T>(value: T) =>
  (error: unknown): T => {
    if (error instanceof CaiError && /^(?:tdx|sgx|net|cli|trustee)\./.test(error.id)) return value;
    throw error;
  };
