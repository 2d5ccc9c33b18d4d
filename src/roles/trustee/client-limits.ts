import { isIP } from "node:net";
import { CaiError } from "../../system/index.ts";
import { RETRY_AFTER } from "./gate.ts";
import { ipBytes } from "./ip-address.ts";

/** What is counted by client: handshakes, evidence to verify, attested reads, and administrators' requests that were refused. */
export type Counted = "auth" | "attest" | "resource" | "admin-failure";

/** How often one client may do each, a second on average. */
export type ClientRates = Readonly<Record<Counted, number>>;

/** Seconds of its rate that a client may use at once. */
const BURST = 10;
/** Clients that are remembered at a time, those that were heard of last. One that is forgotten starts anew. */
const MAX_CLIENTS = 10_000;

interface Bucket {
  /** what is left, by what is counted; undefined: all of it */
  readonly left: { [counted in Counted]?: number };
  /** milliseconds, on a clock that does not go back */
  at: number;
  /** requests under way */
  open: number;
}

/**
 * Limits what one client may ask of the trustee, so that a flood from one place leaves room for everybody else (security.md I40). A client is an IPv4
 * address, or a network of 64 bits of IPv6, for that is what one subscriber has.
 */
export class ClientLimits {
  readonly #rates: ClientRates;
  readonly #concurrent: number;
  readonly #elapsed: () => number;
  readonly #buckets = new Map<string, Bucket>();

  /**
   * @param concurrent  requests of one client that are under way at a time
   * @param elapsed     milliseconds, on a clock that does not go back
   */
  constructor(rates: ClientRates, concurrent: number, elapsed: () => number = () => performance.now()) {
    this.#rates = rates;
    this.#concurrent = concurrent;
    this.#elapsed = elapsed;
  }

  /** Clients that are remembered. */
  get size(): number {
    return this.#buckets.size;
  }

  /**
   * Takes one of what a client may do, and a place for its request.
   *
   * @param counted  undefined: only the place
   * @returns to be called when the request is answered
   * @throws CaiError `kbs.busy`
   */
  enter(client: string, counted: Counted | undefined): () => void {
    const bucket = this.#bucket(client);
    if (bucket.open >= this.#concurrent) throw busy();
    if (counted !== undefined) {
      const left = bucket.left[counted] ?? this.#rates[counted] * BURST;
      if (left < 1) throw busy();
      // A request of an administrator only counts once it was refused.
      if (counted !== "admin-failure") bucket.left[counted] = left - 1;
    }
    bucket.open++;
    return () => {
      bucket.open--;
    };
  }

  /** Counts an administrator's request that was refused. */
  failed(client: string): void {
    const bucket = this.#bucket(client);
    bucket.left["admin-failure"] = Math.max(0, (bucket.left["admin-failure"] ?? this.#rates["admin-failure"] * BURST) - 1);
  }

  #bucket(client: string): Bucket {
    const key = networkOf(client);
    const now = this.#elapsed();
    const bucket = this.#buckets.get(key) ?? { left: {}, at: now, open: 0 };
    const seconds = (now - bucket.at) / 1000;
    for (const [counted, left] of Object.entries(bucket.left) as [Counted, number][]) {
      bucket.left[counted] = Math.min(this.#rates[counted] * BURST, left + seconds * this.#rates[counted]);
    }
    bucket.at = now;
    // The map keeps its order, so the first is the one that was heard of longest ago.
    this.#buckets.delete(key);
    this.#buckets.set(key, bucket);
    if (this.#buckets.size > MAX_CLIENTS) this.#buckets.delete(this.#buckets.keys().next().value!);
    return bucket;
  }
}

/** @returns what a client is counted by */
function networkOf(address: string): string {
  return isIP(address) === 6 ? Buffer.from(ipBytes(address).subarray(0, 8)).toString("hex") : address;
}

function busy(): CaiError {
  return new CaiError("kbs.busy", "this client asks for too much at a time", { hint: `Try again in ${RETRY_AFTER} seconds.` });
}
