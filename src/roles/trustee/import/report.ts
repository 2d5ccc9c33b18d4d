import { CaiError, type ErrorId, formatTable, type JsonObject, printable } from "../../../system/index.ts";

/** What an old installation has that a trustee may take. */
export type ItemKind =
  | "resource"
  | "resource policy"
  | "attestation policy"
  | "reference value"
  | "administrator"
  | "role"
  | "envelope key"
  | "setting";

/**
 * `taken`: it is in the store now, or would be without `--dry-run` · `unchanged`: it was there already · `kept`: the store has another one
 * of this name, and `--replace` was not given · `left out`: it is not to be imported, and `why` says what takes its place · `refused`: it
 * cannot be imported as it is.
 */
export const OUTCOMES = ["taken", "unchanged", "kept", "left out", "refused"] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** What became of one thing. */
export interface Item {
  readonly kind: ItemKind;
  /** its name in the store, or the setting's */
  readonly name: string;
  /** the file that it comes from */
  readonly from: string;
  readonly outcome: Outcome;
  readonly error?: ErrorId;
  /** one line */
  readonly why?: string;
}

/** Items of each kind and outcome that are listed; the rest are counted, so that a report of a million secrets stays a report. */
const MAX_LISTED = 200;

/** What an import did, as it is done. */
export class ImportReport {
  readonly items: Item[] = [];
  readonly #counts = new Map<string, { kind: ItemKind; outcome: Outcome; count: number }>();

  add(item: Item): void {
    const key = `${item.kind}/${item.outcome}`;
    const entry = this.#counts.get(key) ?? { kind: item.kind, outcome: item.outcome, count: 0 };
    entry.count++;
    this.#counts.set(key, entry);
    if (entry.count <= MAX_LISTED) this.items.push(item);
  }

  /** Adds what an error kept from being taken. */
  refuse(item: Pick<Item, "kind" | "name" | "from">, thrown: unknown): void {
    const { id, message } = CaiError.from(thrown);
    this.add({ ...item, outcome: "refused", error: id, why: message });
  }

  count(outcome: Outcome, kind?: ItemKind): number {
    const counts = [...this.#counts.values()].filter((entry) => entry.outcome === outcome && (kind === undefined || entry.kind === kind));
    return counts.reduce((sum, { count }) => sum + count, 0);
  }

  /** How many of each kind came out how. */
  counts(): Record<string, Record<string, number>> {
    const counts: Record<string, Record<string, number>> = {};
    for (const { kind, outcome, count } of this.#counts.values()) counts[kind] = { ...counts[kind], [outcome]: count };
    return counts;
  }

  json(): JsonObject {
    return { counts: this.counts(), items: this.items.map((item) => ({ ...item })) };
  }

  text(): string {
    if (this.items.length === 0) return "there was nothing to import";
    return OUTCOMES.filter((outcome) => this.count(outcome) > 0)
      .map((outcome) => this.#section(outcome))
      .join("\n\n");
  }

  #section(outcome: Outcome): string {
    const items = this.items.filter((item) => item.outcome === outcome);
    const rows = items.map(({ kind, name, error, why }) => [
      `  ${kind}`,
      printable(name),
      [error, why].filter((part) => part !== undefined).join(": "),
    ]);
    const more = this.count(outcome) - items.length;
    return [`${outcome} (${this.count(outcome)})`, formatTable(rows), ...(more > 0 ? [`  and ${more} more`] : [])].join("\n");
  }
}
