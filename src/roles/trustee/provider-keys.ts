import type { KeyObject } from "node:crypto";
import { z } from "zod";
import { CaiError, createHttpClient, type Logger } from "../../system/index.ts";
import { keysNamed, parseKeySet, type SetKey } from "./key-set.ts";

const MAX_ANSWER = 256 * 1024;
const TIMEOUT_MS = 5000;
/** Seconds after which a set is fetched again, so that a key that the provider withdrew ends. */
const FRESH = 600;
/** Seconds between two fetches at least: whoever sends tokens with made-up key ids causes no more (security.md I40). */
const PAUSE = 30;

const discovery = z.object({ jwks_uri: z.string().max(1024) });
const DISCOVERY_PATH = "/.well-known/openid-configuration";

/** The keys of an identity provider, fetched when they are needed and kept for ten minutes. */
export class ProviderKeys {
  readonly #address: string;
  readonly #client: ReturnType<typeof createHttpClient>;
  readonly #logger: Logger;
  #keys: readonly SetKey[] = [];
  #fetched = Number.NEGATIVE_INFINITY;
  #tried = Number.NEGATIVE_INFINITY;
  #fetching: Promise<void> | undefined;

  /**
   * @param address  https, of a JWK set or of a provider with a discovery document
   * @param ca       PEM of the only certificate authorities of that address
   */
  constructor(address: string, ca: string | undefined, logger: Logger) {
    this.#address = address;
    this.#client = createHttpClient({ timeoutMs: TIMEOUT_MS, maxResponseBytes: MAX_ANSWER, ...(ca !== undefined && { ca }) });
    this.#logger = logger;
  }

  /**
   * @param now  seconds since 1970
   * @returns the keys that a token's header may mean; none where the provider cannot be reached and what it said is too old
   */
  async keys(kid: string | undefined, now: number): Promise<KeyObject[]> {
    const known = now < this.#fetched + FRESH ? keysNamed(this.#keys, kid) : [];
    if (known.length > 0) return known;
    if (now >= this.#tried + PAUSE || now < this.#tried) {
      this.#tried = now;
      this.#fetching = this.#fetch(now).finally(() => {
        this.#fetching = undefined;
      });
    }
    await this.#fetching;
    return now < this.#fetched + FRESH ? keysNamed(this.#keys, kid) : [];
  }

  async #fetch(now: number): Promise<void> {
    try {
      this.#keys = (await this.#setAt(this.#address)) ?? (await this.#discovered());
      this.#fetched = now;
    } catch (error) {
      const { id, message } = CaiError.from(error);
      this.#logger.warn("the keys of an identity provider cannot be had", { error: id, reason: message });
    }
  }

  /** The address is that of a set; else what the discovery document there names (trustee.md §2.2). */
  async #discovered(): Promise<SetKey[]> {
    const document = discovery.safeParse(json(await this.#get(`${this.#address.replace(/\/+$/, "")}${DISCOVERY_PATH}`)));
    const keys = document.success ? await this.#setAt(document.data.jwks_uri) : undefined;
    if (keys !== undefined) return keys;
    throw new CaiError("net.response-invalid", `${this.#address} leads to no JWK set`);
  }

  async #setAt(address: string): Promise<SetKey[] | undefined> {
    const text = await this.#get(address);
    return text === undefined ? undefined : parseKeySet(text);
  }

  async #get(address: string): Promise<string | undefined> {
    const url = URL.parse(address);
    if (url?.protocol !== "https:") throw new CaiError("net.response-invalid", "the address of a JWK set is not https");
    const { status, body } = await this.#client.request({ method: "GET", url });
    return status === 200 ? new TextDecoder().decode(body) : undefined;
  }
}

function json(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? "");
  } catch {
    return undefined;
  }
}
