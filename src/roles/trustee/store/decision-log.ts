import type { Database } from "bun:sqlite";
import { publicDecisionId } from "./decision-id.ts";
import type { Decision, DecisionQuery, DecisionRecord, DecisionRef, Decisions } from "./store.ts";

/** Records beyond this many are dropped, oldest first (security.md I40: records are capped). */
const MAX_RECORDS = 1_000_000;

/** How far the authenticated mark of the highest time may lag behind the last record, seconds. */
const MARK_INTERVAL = 60;

interface Row {
  readonly number: number;
  readonly id: string | null;
  readonly time: number;
  readonly kind: string;
  readonly outcome: string;
  readonly realm: string | null;
  readonly tee: string | null;
  readonly subject: string | null;
  readonly error: string | null;
  readonly policy_hash: string | null;
  readonly level: string | null;
  readonly digest: string | null;
  readonly client: string | null;
  readonly detail?: string | null;
}

const COLUMNS = "number, id, time, kind, outcome, realm, tee, subject, error, policy_hash, level, digest, client";

/** The authenticated mark of the highest time that was recorded (security.md I15, I25). */
interface TimeMark {
  get(): number;
  set(time: number): void;
}

/** Decision records in SQLite, and the highest time among them, which also stands in an authenticated row. */
export class DecisionLog implements Decisions {
  readonly #database: Database;
  readonly #mark: TimeMark;
  readonly #idKey: Uint8Array;
  readonly #insert;
  readonly #name;
  readonly #prune;
  #last: number;

  constructor(database: Database, mark: TimeMark, idKey: Uint8Array) {
    this.#database = database;
    this.#mark = mark;
    this.#idKey = idKey;
    this.#insert = database.prepare<null, (string | number | null)[]>(
      `INSERT INTO decisions (time, kind, outcome, realm, tee, subject, error, policy_hash, level, digest, client, detail)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    );
    this.#name = database.prepare<null, [string, number]>("UPDATE decisions SET id = ? WHERE number = ?");
    this.#prune = database.prepare("DELETE FROM decisions WHERE number <= (SELECT max(number) FROM decisions) - ?");
    const newest = database.query<{ time: number | null }, []>("SELECT max(time) AS time FROM decisions").get();
    this.#last = Math.max(newest?.time ?? 0, mark.get());
  }

  get lastTime(): number {
    return this.#last;
  }

  async append(decision: Decision): Promise<DecisionRef> {
    const { time, kind, outcome, realm, tee, subject, error, policyHash, level, digest, client, detail } = decision;
    if (time > this.#mark.get() + MARK_INTERVAL) this.#mark.set(time);
    this.#last = Math.max(this.#last, time);
    const text = detail === undefined ? null : JSON.stringify(detail);
    const row = [time, kind, outcome, realm, tee, subject, error, policyHash, level, digest, client, text];
    const number = Number(this.#insert.run(...row.map((value) => value ?? null)).lastInsertRowid);
    const id = publicDecisionId(this.#idKey, number);
    this.#name.run(id, number);
    return { number, id };
  }

  async get(ref: { readonly number: number } | { readonly id: string }): Promise<DecisionRecord | undefined> {
    const [column, value] = "number" in ref ? (["number", ref.number] as const) : (["id", ref.id] as const);
    const row = this.#database.query<Row, [string | number]>(`SELECT ${COLUMNS}, detail FROM decisions WHERE ${column} = ?`).get(value);
    return row === null ? undefined : recordOf(row, this.#idKey);
  }

  async list({ before, limit, realm, kind, outcome, since, until }: DecisionQuery): Promise<DecisionRecord[]> {
    const wanted = [
      ["number < ?", before],
      ["coalesce(realm, '') = ?", realm],
      ["kind = ?", kind],
      ["outcome = ?", outcome],
      ["time >= ?", since],
      ["time < ?", until],
    ].filter((pair): pair is [string, string | number] => pair[1] !== undefined);
    const where = wanted.length === 0 ? "" : `WHERE ${wanted.map(([text]) => text).join(" AND ")}`;
    const rows = this.#database.query<Row, (string | number)[]>(`SELECT ${COLUMNS} FROM decisions ${where} ORDER BY number DESC LIMIT ?`);
    return rows.all(...wanted.map(([, value]) => value), limit).map((row) => recordOf(row, this.#idKey));
  }

  /** Drops the oldest records beyond the cap. */
  prune(): void {
    this.#prune.run(MAX_RECORDS);
  }
}

function recordOf({ policy_hash, id, detail, ...rest }: Row, idKey: Uint8Array): DecisionRecord {
  const columns = Object.entries({ ...rest, policyHash: policy_hash }).filter(([, value]) => value !== null);
  return {
    ...Object.fromEntries(columns),
    id: id ?? publicDecisionId(idKey, rest.number),
    ...(typeof detail === "string" && { detail: JSON.parse(detail) }),
  } as DecisionRecord;
}
