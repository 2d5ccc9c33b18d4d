import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { catalogue } from "../../system/index.ts";
import { watchProcess } from "./process-metrics.ts";
import type { Decision } from "./store/index.ts";

/** Seconds: what is answered from memory, what verifies evidence, what waits for a source of collateral. */
const REQUEST_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.06, 0.1, 0.25, 1, 2.5, 10];
const STORE_SECONDS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5];

/** The word for whatever is none of the values that a label may have. */
const OTHER = "other";

/** What is read when somebody looks, and not before. */
export interface MetricSources {
  /** requests under way, and those of them whose bodies are still arriving */
  requests(): { readonly active: number; readonly arriving: number; readonly bytes: number };
  clients(): number;
  verification(): { readonly threads: number; readonly waiting: number };
  collateral(): Promise<{ readonly sets: number; readonly expired: number; readonly oldestIssue: number | undefined }>;
  /** when the certificate for TLS ends, seconds since 1970 */
  certificateEnd(): number | undefined;
  readonly clock: () => number;
}

/** Counts the requests of one route. */
export type RouteMeter = (method: string, status: number, seconds: number) => void;

const METHODS: ReadonlySet<string> = new Set(["GET", "POST", "PUT", "DELETE"]);

/**
 * What Prometheus is told. Every label has a fixed set of values: routes of the router table, statuses, error ids of the catalogue, platforms that are
 * verified here. No address, no path, no name of a resource or a realm, nothing that a stranger wrote (security.md I27).
 */
export class Metrics {
  readonly #registry = new Registry();
  readonly #requests;
  readonly #seconds;
  readonly #decisions;
  readonly #commits;
  readonly #limited;
  readonly #reloads;
  readonly #store;
  readonly #tees: ReadonlySet<string>;

  /** @param tees  the platforms that are verified */
  constructor(tees: Iterable<string>) {
    this.#tees = new Set(tees);
    const registers = [this.#registry];
    this.#requests = new Counter({
      name: "cai_requests_total",
      help: "Requests answered, by route, method and status.",
      labelNames: ["route", "method", "status"],
      registers,
    });
    this.#seconds = new Histogram({
      name: "cai_request_seconds",
      help: "How long requests took, their bodies' way included.",
      labelNames: ["route"],
      buckets: REQUEST_SECONDS,
      registers,
    });
    this.#decisions = new Counter({
      name: "cai_decisions_total",
      help: "Recorded decisions: attestations, releases, and what administrators asked for.",
      labelNames: ["kind", "outcome", "tee", "error"],
      registers,
    });
    this.#commits = new Histogram({
      name: "cai_store_commit_seconds",
      help: "How long a decision took to be durable.",
      buckets: STORE_SECONDS,
      registers,
    });
    this.#limited = new Counter({
      name: "cai_limited_total",
      help: "Requests refused because their client, or everybody together, asked for too much.",
      registers,
    });
    this.#reloads = new Counter({
      name: "cai_tls_reloads_total",
      help: "Certificates for TLS that were put in place, or could not be.",
      labelNames: ["outcome"],
      registers,
    });
    this.#store = new Gauge({
      name: "cai_store_answer_seconds",
      help: "How long the store took to answer when it was last asked.",
      registers,
    });
    for (const outcome of ["done", "failed"]) this.#reloads.inc({ outcome }, 0);
  }

  /** @param route  its pattern in the router table */
  route(route: string): RouteMeter {
    const seconds = this.#seconds.labels(route);
    const counters = new Map<string, { inc(): void }>();
    return (method, status, time) => {
      seconds.observe(time);
      const name = METHODS.has(method) ? method : OTHER;
      const key = `${name} ${status}`;
      const counter = counters.get(key) ?? this.#requests.labels(route, name, String(status));
      counters.set(key, counter);
      counter.inc();
    };
  }

  /** Counts what fits no route. */
  unknownRoute(): RouteMeter {
    return this.route(OTHER);
  }

  /** @param seconds  how long it took to be durable */
  decided({ kind, outcome, tee, error }: Pick<Decision, "kind" | "outcome" | "tee" | "error">, seconds: number): void {
    const platform = tee === undefined ? "" : this.#tees.has(tee) ? tee : OTHER;
    const id = error === undefined ? "" : Object.hasOwn(catalogue, error) ? error : OTHER;
    this.#decisions.inc({ kind, outcome, tee: platform, error: id });
    this.#commits.observe(seconds);
  }

  limited(): void {
    this.#limited.inc();
  }

  tlsReloaded(done: boolean): void {
    this.#reloads.inc({ outcome: done ? "done" : "failed" });
  }

  storeAnswered(seconds: number): void {
    this.#store.set(seconds);
  }

  /**
   * Adds what is read when somebody looks. To be called once.
   *
   * @returns ends what is measured meanwhile
   */
  watch(sources: MetricSources): () => void {
    const gauge = (name: string, help: string, read: () => number | undefined | Promise<number | undefined>) =>
      new Gauge({
        name,
        help,
        registers: [this.#registry],
        async collect() {
          // What there is none of is not 0; nor is what cannot be read now, and everything else is wanted all the more then.
          const value = await Promise.resolve(read()).catch(() => undefined);
          if (value === undefined) this.remove();
          else this.set(value);
        },
      });
    gauge("cai_requests_active", "Requests under way.", () => sources.requests().active);
    gauge("cai_requests_arriving", "Requests under way whose bodies are still arriving.", () => sources.requests().arriving);
    gauge("cai_request_body_bytes", "Bytes of bodies that are held.", () => sources.requests().bytes);
    gauge("cai_clients", "Clients that limits are counted for.", () => sources.clients());
    gauge("cai_verifier_threads", "Threads that verify evidence.", () => sources.verification().threads);
    gauge("cai_verifier_waiting", "Evidence that waits to be verified.", () => sources.verification().waiting);
    gauge("cai_collateral_sets", "Sets of collateral that are kept.", async () => (await sources.collateral()).sets);
    gauge("cai_collateral_expired", "Sets of collateral whose time has passed.", async () => (await sources.collateral()).expired);
    gauge("cai_collateral_oldest_seconds", "How long ago the oldest collateral was issued.", async () => {
      const { oldestIssue } = await sources.collateral();
      return oldestIssue === undefined ? undefined : sources.clock() - oldestIssue;
    });
    gauge("cai_tls_certificate_remaining_seconds", "How long the certificate for TLS is still good.", () => {
      const end = sources.certificateEnd();
      return end === undefined ? undefined : end - sources.clock();
    });
    return watchProcess(this.#registry);
  }

  /** @returns the text format of Prometheus, version 0.0.4 */
  text(): Promise<string> {
    return this.#registry.metrics();
  }

  readonly contentType: string = this.#registry.contentType;
}
