import { BlockList, isIP } from "node:net";
import { CaiError } from "../../system/index.ts";
import { plainAddress } from "./ip-address.ts";

/** More proxies than this stand in no row. */
const MAX_HOPS = 16;

/** Who is at the other end, as far as it is known. */
export interface Client {
  /** the address that limits count by */
  readonly address: string;
  /** how it stands in records: what a proxy says about somebody else is nothing that was seen here (security.md I18) */
  readonly label: string;
}

/**
 * The proxies whose word about their clients is taken: for limits and records, never for a decision (security.md I18).
 */
export class TrustedProxies {
  readonly #list = new BlockList();
  readonly #any: boolean;

  /** @param ranges  addresses, or ranges as ADDRESS/BITS. @throws CaiError `cli.setting-invalid` */
  constructor(ranges: readonly string[]) {
    this.#any = ranges.length > 0;
    for (const range of ranges) this.#add(range);
  }

  /**
   * @param peer       the address that connected
   * @param forwarded  its header `X-Forwarded-For`: each proxy appends whom it was connected by
   */
  clientOf(peer: string, forwarded: string | null): Client {
    if (!this.#any || forwarded === null || !this.#has(peer)) return { address: peer, label: peer };
    // From the end: what stands before the first address that no proxy of ours wrote is anybody's invention.
    const hops = forwarded.slice(-1024).split(",").slice(-MAX_HOPS).reverse();
    let client = peer;
    for (const hop of hops) {
      const address = plainAddress(hop.trim());
      if (isIP(address) === 0) break;
      client = address;
      if (!this.#has(address)) break;
    }
    return { address: client, label: client === peer ? peer : `${client} (unverified, by ${peer})` };
  }

  #has(address: string): boolean {
    const family = isIP(address);
    return family !== 0 && this.#list.check(address, family === 4 ? "ipv4" : "ipv6");
  }

  #add(range: string): void {
    const [address = "", bits] = range.split("/");
    const family = isIP(address);
    const longest = family === 4 ? 32 : 128;
    const prefix = bits === undefined ? longest : /^\d{1,3}$/.test(bits) ? Number(bits) : Number.NaN;
    if (family === 0 || !(prefix >= 1 && prefix <= longest)) {
      throw new CaiError("cli.setting-invalid", `--trusted-proxy cannot be ${JSON.stringify(range)}`, {
        expected: "an IP address, or a range ADDRESS/BITS of at least one bit",
        got: range,
      });
    }
    this.#list.addSubnet(address, prefix, family === 4 ? "ipv4" : "ipv6");
  }
}
