/** A supply that fills up again with time. */
interface Supply {
  left: number;
  /** milliseconds of the budget's clock */
  at: number;
}

interface Rate {
  /** so many at once */
  readonly burst: number;
  /** so many a second afterwards */
  readonly perSecond: number;
}

/** Denials of one client that are recorded one by one. */
const CLIENT: Rate = { burst: 120, perSecond: 0.5 };
/** Of all clients together that showed neither a token of ours nor an administrator's: below 100,000 a day, so that records last. */
const STRANGERS: Rate = { burst: 1000, perSecond: 1 };
/** Of those that were attested, and of administrators. */
const ATTESTED: Rate = { burst: 2000, perSecond: 5 };

/** Appraisals of one client, and of all: whoever has one good quote may send it again and again, for they open nothing and need no nonce. */
const CLIENT_APPRAISALS: Rate = { burst: 1000, perSecond: 1 };
const APPRAISALS: Rate = { burst: 4000, perSecond: 3 };

const MAX_CLIENTS = 4096;

/**
 * How many denials get a record of their own, and how many appraisals: what strangers can make a trustee write is bounded, by client and in all, so
 * that no flood pushes the records of releases out (security.md I40). What else is allowed is never counted here.
 */
export class DenialBudget {
  readonly #clock: () => number;
  readonly #clients = new Map<string, Supply>();
  readonly #appraisers = new Map<string, Supply>();
  readonly #strangers: Supply;
  readonly #attested: Supply;
  readonly #appraisals: Supply;

  /** @param clock  milliseconds, never going back */
  constructor(clock: () => number) {
    this.#clock = clock;
    this.#strangers = { left: STRANGERS.burst, at: clock() };
    this.#attested = { left: ATTESTED.burst, at: clock() };
    this.#appraisals = { left: APPRAISALS.burst, at: clock() };
  }

  /**
   * @param client    the address of whoever connected
   * @param attested  whether the request carried a token of this trustee, or of one of its administrators
   * @returns whether one more is recorded
   */
  take(client: string, attested: boolean): boolean {
    const now = this.#clock();
    if (attested) return draw(this.#attested, ATTESTED, now);
    return draw(supplyOf(this.#clients, client, CLIENT, now), CLIENT, now) && draw(this.#strangers, STRANGERS, now);
  }

  /** @returns whether one more appraisal of a client, which was allowed, is recorded */
  takeAppraisal(client: string): boolean {
    const now = this.#clock();
    const own = supplyOf(this.#appraisers, client, CLIENT_APPRAISALS, now);
    return draw(own, CLIENT_APPRAISALS, now) && draw(this.#appraisals, APPRAISALS, now);
  }
}

/** @returns the supply of a client; of those that were heard of longest ago, none is remembered */
function supplyOf(clients: Map<string, Supply>, client: string, { burst }: Rate, now: number): Supply {
  const key = networkOf(client);
  const own = clients.get(key) ?? { left: burst, at: now };
  clients.delete(key);
  clients.set(key, own);
  if (clients.size > MAX_CLIENTS) clients.delete(clients.keys().next().value!);
  return own;
}

function draw(supply: Supply, { burst, perSecond }: Rate, now: number): boolean {
  supply.left = Math.min(burst, supply.left + ((now - supply.at) / 1000) * perSecond);
  supply.at = now;
  if (supply.left < 1) return false;
  supply.left--;
  return true;
}

/** One client of IPv6 has a whole network of 64 bits to call from. */
function networkOf(address: string): string {
  if (!address.includes(":")) return address;
  const [head = "", tail] = address.split("::");
  const groups = head === "" ? [] : head.split(":");
  const rest = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - groups.length - rest.length);
  return [...groups, ...Array<string>(zeros).fill("0"), ...rest].slice(0, 4).join(":");
}
