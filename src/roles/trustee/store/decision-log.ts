import type { Database } from "bun:sqlite";
import type { MacedTable } from "./maced-table.ts";
import type { Decision, Decisions } from "./store.ts";

/** Records beyond this many are dropped, oldest first (security.md I40: records are capped). */
const MAX_RECORDS = 1_000_000;

/** How far the authenticated mark of the highest time may lag behind the last record, seconds. */
const MARK_INTERVAL = 60;
const TIME_MARK = "decision-time";

/** Decision records in SQLite, and the highest time among them, which also stands in an authenticated row (security.md I15, I25). */
export class DecisionLog implements Decisions {
  readonly #marks: MacedTable;
  readonly #insert;
  readonly #prune;
  #last: number;

  constructor(database: Database, marks: MacedTable) {
    this.#marks = marks;
    this.#insert = database.prepare<null, (string | number | null)[]>(
      `INSERT INTO decisions (time, kind, outcome, tee, subject, error, policy_hash, level, digest, client)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    );
    this.#prune = database.prepare("DELETE FROM decisions WHERE number <= (SELECT max(number) FROM decisions) - ?");
    const newest = database.query<{ time: number | null }, []>("SELECT max(time) AS time FROM decisions").get();
    this.#last = Math.max(newest?.time ?? 0, this.#mark());
  }

  get lastTime(): number {
    return this.#last;
  }

  async append(decision: Decision): Promise<number> {
    const { time, kind, outcome, tee, subject, error, policyHash, level, digest, client } = decision;
    if (time > this.#mark() + MARK_INTERVAL) this.#marks.putAll([[TIME_MARK, String(time)]]);
    this.#last = Math.max(this.#last, time);
    const row = [time, kind, outcome, tee, subject, error, policyHash, level, digest, client];
    return Number(this.#insert.run(...row.map((value) => value ?? null)).lastInsertRowid);
  }

  /** Drops the oldest records beyond the cap. */
  prune(): void {
    this.#prune.run(MAX_RECORDS);
  }

  #mark(): number {
    return Number(this.#marks.all().get(TIME_MARK) ?? "0");
  }
}
