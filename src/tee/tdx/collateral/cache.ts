import { CaiError, type Logger } from "../../../system/index.ts";
import { type Collateral, malformed } from "../collateral.ts";
import type { CollateralRequest } from "../collateral-source.ts";
import { rfc3339 } from "../validity.ts";
import { authenticateCollateral, type CollateralFacts } from "./authentic.ts";
import type { FileSet } from "./file.ts";
import { highWaterKey } from "./high-water.ts";
import { byPlatform, type CollateralShelf, IMPORTED, type KeptSet, listName, setKey } from "./kept-set.ts";
import { MarkedShelf } from "./marked-shelf.ts";
import { type CollateralAccess, type ObtainedCollateral, obtainCollateral } from "./obtain.ts";
import type { CollateralOrigin } from "./origin.ts";

const HOUR = 3600;
/** A set this old is renewed beside its use, one this old before it (tdx.md §2.8). */
const RENEW_AFTER = 72 * HOUR;
const RENEW_FIRST_AFTER = 168 * HOUR;
/** How long before the first of its dates a set is renewed. */
const RENEW_BEFORE_END = 24 * HOUR;
/** After an attempt to renew that failed, or gave what is to be renewed again: some services serve the same old documents for long. */
const PAUSE = HOUR;
/** After a failed attempt while nothing is kept that is good, since nobody is served meanwhile; an origin that says that it knows no such platform is believed for longer. */
const SHORT_PAUSE = 30;
const MAX_FLIGHTS = 16;
/** Who waits for an origin at most: fewer than are served at a time, so that a slow one holds up nobody whose collateral is there (security.md I40). */
const MAX_WAITING = 192;
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
  readonly #shelf: MarkedShelf;
  readonly #flights = new Map<string, Promise<ObtainedCollateral>>();
  readonly #attempts = new Map<string, Attempt>();
  #waiting = 0;

  constructor(parts: CollateralCacheParts) {
    this.#parts = parts;
    this.#shelf = new MarkedShelf(parts.shelf, parts.made);
  }

  /** @throws CaiError as {@link obtainCollateral}, where nothing is kept either; `kbs.busy` where too many wait for a source */
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
    const sets = [...(await this.#shelf.sets())];
    return sets.map(([key, set]) => ({ ...set, problem: this.#attempts.get(key)?.error })).sort(byPlatform);
  }

  /** The newest set of each kind of platform that is not older than what was seen. */
  async newest(): Promise<KeptSet[]> {
    const newestFirst = (await this.#shelf.current()).sort(byPlatform);
    return [...new Map(newestFirst.reverse().map((set) => [highWaterKey(set.facts, set.update), set])).values()].reverse();
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
    await this.#shelf.keep(sets);
    return sets;
  }

  async #fromFiles(files: readonly CollateralOrigin[], request: CollateralRequest): Promise<ObtainedCollateral | CaiError> {
    const { access } = this.#parts;
    try {
      const obtained = await obtainCollateral(files, request, access, await this.#shelf.check(access.update));
      await this.#shelf.see({ facts: obtained.facts, update: access.update });
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
    if (kept !== undefined && this.#due(kept) === "soon") {
      // Its failure is logged; whoever asks now has what he wants.
      this.#renew(request, origins, list, kept).catch(() => undefined);
      return kept;
    }
    if (this.#waiting >= MAX_WAITING) {
      if (kept !== undefined) return kept;
      throw new CaiError("kbs.busy", `${MAX_WAITING} others wait for a source of collateral`);
    }
    this.#waiting++;
    try {
      return await this.#renew(request, origins, list, kept);
    } catch (error) {
      if (kept !== undefined) return orElse<ObtainedCollateral>(kept)(error);
      if (before === undefined || !(error instanceof CaiError)) throw error;
      throw new CaiError(error.id, `${before.message}; ${error.message}`, { cause: error });
    } finally {
      this.#waiting--;
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
      const obtained = await obtainCollateral(origins, request, access, await this.#shelf.check(access.update));
      const set = { ...obtained, update: access.update, fetched: access.now(), list };
      await this.#shelf.keep([set]);
      this.#note(key, this.#due(set) === "no" ? 0 : PAUSE, undefined);
      const until = rfc3339(obtained.facts.expires);
      if (this.#expired(obtained.facts)) logger.warn("collateral is past its date at every source", { tee, fmspc, ca, until });
      else logger.info("collateral fetched", { tee, fmspc, ca, origin: obtained.origin, until });
      return obtained;
    } catch (error) {
      access.signal?.throwIfAborted();
      const failure = CaiError.from(error);
      const unknown = failure.id === "tdx.collateral-unknown";
      const serving = kept !== undefined && !this.#expired(kept.facts);
      this.#note(key, serving || unknown ? PAUSE : SHORT_PAUSE, failure);
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
    const { access } = this.#parts;
    const fitting = (await this.#shelf.current()).filter(
      (set) =>
        (set.list === list || set.list === IMPORTED) &&
        set.update === access.update &&
        (["tee", "fmspc", "ca", "anchor"] as const).every((name) => set.facts[name] === request[name]),
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
}

/** Takes a value instead of an error that was about collateral. A store that cannot be believed is another matter, and so is a mistake of ours. */
const orElse =
  <T>(value: T) =>
  (error: unknown): T => {
    if (error instanceof CaiError && /^(?:tdx|sgx|net|cli|trustee)\./.test(error.id)) return value;
    throw error;
  };
