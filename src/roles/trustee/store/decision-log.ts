import { Batcher } from "./batcher.ts";
import { publicDecisionId } from "./decision-id.ts";
import { type Driver, parts, tuples, type Value } from "./driver.ts";
import type { Guard } from "./short-lived.ts";
import type { Decision, DecisionQuery, DecisionRecord, DecisionRef, Decisions } from "./store.ts";

/** Records beyond this many are dropped, oldest first (security.md I40: records are capped). */
const MAX_RECORDS = 1_000_000;

/** How many records one call drops: few enough that requests hardly wait for it. */
const DROP_BATCH = 1000;

/** How many records share a transaction at most. */
const MAX_BATCH = 256;

/** How far the authenticated mark of the highest time may lag behind the last record, seconds. */
const MARK_INTERVAL = 60;

/** Records are written in the order of their numbers, more or less: the newest time is among the last ones. */
const NEWEST = "SELECT max(time) AS time FROM (SELECT time FROM decisions ORDER BY number DESC LIMIT 64) AS newest";

const MAX_DETAIL = 64 * 1024;

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

const COLUMNS = ["number", "id", "time", "kind", "outcome", "realm", "tee", "subject", "error", "policy_hash", "level", "digest", "client"];

/** The authenticated mark of the highest time that was recorded (security.md I15, I25). */
export interface TimeMark {
  get(): Promise<number>;
  /** Sets it, unless it is higher already. */
  raise(time: number): Promise<void>;
}

/** Decision records, and the highest time among them, which also stands in an authenticated row. */
export class DecisionLog implements Decisions {
  readonly #driver: Driver;
  readonly #mark: TimeMark;
  readonly #idKey: Uint8Array;
  readonly #appends: Batcher<Decision, DecisionRef>;
  #marked = 0;
  #marking: Promise<void> | undefined;
  #last = 0;

  constructor(driver: Driver, guard: Guard, mark: TimeMark, idKey: Uint8Array) {
    this.#driver = driver;
    this.#mark = mark;
    this.#idKey = idKey;
    this.#appends = new Batcher(
      async (decisions) => {
        const numbers = await driver.write(async (statements) => {
          await guard(statements);
          const next = await driver.nextDecisions(statements, decisions.length);
          const rows = decisions.map((decision, i) => rowOf(decision, next[i]!, idKey));
          const columns = [...COLUMNS, "detail"];
          for (const part of parts(rows))
            await statements.run(
              `INSERT INTO decisions (${columns.join(", ")}) VALUES ${tuples(part.length, columns.length)}`,
              part.flat(),
            );
          return next;
        });
        return numbers.map((number) => ({ value: { number, id: publicDecisionId(idKey, number) } }));
      },
      MAX_BATCH,
      () => driver.settled(),
    );
  }

  /** Learns what was recorded before. */
  async open(): Promise<void> {
    this.#marked = await this.#mark.get();
    this.#last = Math.max(this.#last, this.#marked);
    await this.#look();
  }

  get lastTime(): number {
    return this.#last;
  }

  async append(decision: Decision): Promise<DecisionRef> {
    const { time } = decision;
    if (time > this.#marked + MARK_INTERVAL) {
      this.#marking ??= this.#raise(time).finally(() => {
        this.#marking = undefined;
      });
      await this.#marking;
    }
    this.#last = Math.max(this.#last, time);
    return this.#appends.add(decision);
  }

  async get(ref: { readonly number: number } | { readonly id: string }): Promise<DecisionRecord | undefined> {
    const [column, value] = "number" in ref ? (["number", ref.number] as const) : (["id", ref.id] as const);
    const rows = await this.#driver.all<Row>(`SELECT ${COLUMNS.join(", ")}, detail FROM decisions WHERE ${column} = $1`, [value]);
    return rows[0] === undefined ? undefined : recordOf(rows[0], this.#idKey);
  }

  async list({ before, limit, realm, kind, outcome, since, until }: DecisionQuery): Promise<DecisionRecord[]> {
    const wanted = [
      ["number <", before],
      ["realm =", realm],
      ["kind =", kind],
      ["outcome =", outcome],
      ["time >=", since],
      ["time <", until],
    ].filter((pair): pair is [string, string | number] => pair[1] !== undefined);
    const where = wanted.length === 0 ? "" : `WHERE ${wanted.map(([text], i) => `${text} $${i + 1}`).join(" AND ")}`;
    const sql = `SELECT ${COLUMNS.join(", ")} FROM decisions ${where} ORDER BY number DESC LIMIT $${wanted.length + 1}`;
    const rows = await this.#driver.all<Row>(sql, [...wanted.map(([, value]) => value), limit]);
    return rows.map((row) => recordOf(row, this.#idKey));
  }

  /** Drops some of the oldest records beyond the cap, and learns what others recorded. */
  async prune(): Promise<void> {
    await this.#look();
    const [row] = await this.#driver.all<{ first: number | null; last: number | null }>(
      "SELECT (SELECT min(number) FROM decisions) AS first, (SELECT max(number) FROM decisions) AS last",
    );
    const until = (row?.last ?? 0) - MAX_RECORDS;
    if ((row?.first ?? until + 1) > until) return;
    const some = `SELECT number FROM decisions WHERE number <= $1 ORDER BY number LIMIT ${DROP_BATCH}${this.#driver.skipLocked}`;
    await this.#driver.write((statements) => statements.run(`DELETE FROM decisions WHERE number IN (${some})`, [until]));
  }

  idle(): Promise<void> {
    return this.#appends.idle();
  }

  async #look(): Promise<void> {
    const [newest] = await this.#driver.all<{ time: number | null }>(NEWEST);
    this.#last = Math.max(this.#last, newest?.time ?? 0);
  }

  async #raise(time: number): Promise<void> {
    await this.#mark.raise(time);
    this.#marked = time;
  }
}

function rowOf(decision: Decision, number: number, idKey: Uint8Array): Value[] {
  const { time, kind, outcome, realm = "", tee, subject, error, policyHash, level, digest, client, detail } = decision;
  const texts = [kind, outcome, realm, tee, subject, error, policyHash, level, digest, client, detail && detailText(detail)];
  return [number, publicDecisionId(idKey, number), time, ...texts.map((text) => (text === undefined ? null : storable(text)))];
}

function detailText(detail: NonNullable<Decision["detail"]>): string {
  const text = JSON.stringify(detail);
  const size = Buffer.byteLength(text);
  return size <= MAX_DETAIL ? text : JSON.stringify({ left_out: `${size} bytes` });
}

/** Parts of requests stand in records: not every database takes every character of theirs. */
function storable(text: string): string {
  return text.replaceAll("\0", "\ufffd").toWellFormed();
}

function recordOf({ policy_hash, id, detail, realm, ...rest }: Row, idKey: Uint8Array): DecisionRecord {
  const columns = Object.entries({ ...rest, realm: realm === "" ? null : realm, policyHash: policy_hash }).filter(
    ([, value]) => value !== null,
  );
  return {
    ...Object.fromEntries(columns),
    id: id ?? publicDecisionId(idKey, rest.number),
    ...(typeof detail === "string" && { detail: JSON.parse(detail) }),
  } as DecisionRecord;
}
