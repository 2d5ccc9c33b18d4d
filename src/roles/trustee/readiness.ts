import { CaiError, type ErrorId } from "../../system/index.ts";
import { checkClock } from "./clock.ts";
import type { Store } from "./store/index.ts";

/** How long an answer of the store may take, milliseconds. */
const STORE_TIMEOUT_MS = 2000;
/** How long what was found is told again, milliseconds: whoever asks all the time costs the store nothing. */
const KEPT_MS = 250;

/** Whether a trustee can do its work, in words that may be told to anybody: ids, and nothing of what was compared (security.md I27). */
export interface ReadinessReport {
  readonly ready: boolean;
  /** why it is not */
  readonly reasons: readonly { readonly id: ErrorId; readonly about: string }[];
  /** what will become a reason, or keeps some guests from being attested */
  readonly warnings: readonly { readonly id: ErrorId; readonly about: string }[];
}

export interface ReadinessParts {
  readonly store: Pick<Store, "ping" | "lastTime" | "collateral">;
  readonly clock: () => number;
  /** how much of the collateral that is kept has expired */
  readonly collateral: () => Promise<{ readonly expired: number }>;
  /** when the certificate for TLS ends, seconds since 1970, where there is one */
  readonly certificateEnd?: () => number | undefined;
  /** told how long the store took to answer, seconds */
  readonly answered?: (seconds: number) => void;
}

/** Answers `/readyz`. */
export class Readiness {
  readonly #parts: ReadinessParts;
  #draining = false;
  #kept: { readonly at: number; readonly report: Promise<ReadinessReport> } | undefined;

  constructor(parts: ReadinessParts) {
    this.#parts = parts;
  }

  /** From now on the trustee is not ready, for it is about to end. */
  drain(): void {
    this.#draining = true;
    this.#kept = undefined;
  }

  report(): Promise<ReadinessReport> {
    const now = performance.now();
    if (this.#kept === undefined || now - this.#kept.at >= KEPT_MS) this.#kept = { at: now, report: this.#look() };
    return this.#kept.report;
  }

  async #look(): Promise<ReadinessReport> {
    if (this.#draining) return { ready: false, reasons: [{ id: "trustee.draining", about: "the trustee is about to end" }], warnings: [] };
    try {
      await this.#askStore();
    } catch (error) {
      const { id } = CaiError.from(error);
      const about = id === "trustee.clock-behind" ? "the clock is behind" : "the store does not answer as it should";
      return { ready: false, reasons: [{ id, about }], warnings: [] };
    }
    const { expired } = await this.#parts.collateral();
    const warnings: ReadinessReport["warnings"][number][] = [];
    if (expired > 0) warnings.push({ id: "tdx.collateral-expired", about: "some of the collateral has expired" });
    const end = this.#parts.certificateEnd?.();
    if (end !== undefined && end <= this.#parts.clock()) {
      warnings.push({ id: "trustee.tls-invalid", about: "the TLS certificate has expired" });
    }
    return { ready: true, reasons: [], warnings };
  }

  async #askStore(): Promise<void> {
    const { store, clock, answered } = this.#parts;
    const start = performance.now();
    const timeout = Promise.withResolvers<never>();
    const timer = setTimeout(
      () => timeout.reject(new CaiError("store.unavailable", "the store does not answer in time")),
      STORE_TIMEOUT_MS,
    );
    try {
      await Promise.race([store.ping().then(() => checkClock(store, clock())), timeout.promise]);
      answered?.((performance.now() - start) / 1000);
    } finally {
      clearTimeout(timer);
    }
  }
}
