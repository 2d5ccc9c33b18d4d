import { CaiError } from "../../../system/index.ts";
import { exportRows } from "./backup.ts";
import { StoredCollateral } from "./collateral-tables.ts";
import { DecisionLog } from "./decision-log.ts";
import type { Driver } from "./driver.ts";
import { Ledger } from "./ledger.ts";
import type { StoreKeys } from "./master-key.ts";
import { StoredPolicies, StoredReferences } from "./policy-tables.ts";
import { rekeyRows } from "./rekey.ts";
import { tampered } from "./seal.ts";
import { SealedKeys } from "./sealed-keys.ts";
import { SealedResources } from "./sealed-resources.ts";
import { pruneExpired, StoredSessions, StoredSpentOnce, StoredUsage } from "./short-lived.ts";
import type { Store, StoreCore, World } from "./store.ts";

/** The longest key of a row, bytes: what fits into an index everywhere. */
const MAX_KEY = 2048;

/**
 * Opens the store in a database whose schema is the present one.
 *
 * @param servingFrom  seconds since 1970: the epoch grows to at least this; left out where the nonces given out before stay valid
 * @throws CaiError `store.record-tampered`, `store.unavailable`
 */
export async function openCore(driver: Driver, keys: StoreKeys, servingFrom?: number): Promise<Store> {
  const ledger = new Ledger(driver, keys.mac);
  await ledger.open();
  const { id, world } = await readStoreRow(ledger);
  const mark = async (name: string) => Number((await ledger.table("marks")).texts.get(name) ?? "0");
  /** @returns what stands there afterwards */
  const setMark = (name: string, next: (before: number) => number): Promise<number> =>
    ledger.change({
      tables: ["marks"],
      paths: [],
      run: (rows) => {
        const before = Number(rows.table("marks").texts.get(name) ?? "0");
        const after = next(before);
        if (after !== before) rows.put("marks", name, String(after));
        return after;
      },
    });
  const guard = ledger.guard.bind(ledger);
  const decisions = new DecisionLog(
    driver,
    guard,
    {
      get: () => mark("decision-time"),
      raise: async (time) => {
        await setMark("decision-time", (before) => Math.max(before, time));
      },
    },
    keys.decisionId,
  );
  await decisions.open();
  const epoch = servingFrom === undefined ? await mark("epoch") : await setMark("epoch", (before) => Math.max(before + 1, servingFrom));
  const sessions = new StoredSessions(driver, guard);
  const nonces = new StoredSpentOnce(driver, guard, "nonces");
  const tokenIds = new StoredSpentOnce(driver, guard, "token_ids");
  const batching = [ledger, decisions, sessions, nonces, tokenIds];

  return withViews({
    id,
    world,
    epoch,
    nonceKey: keys.nonce,
    decisionIdKey: keys.decisionId,
    async rows(table) {
      return (await ledger.table(table)).texts;
    },
    change: (names, decide) =>
      ledger.change({
        tables: names,
        paths: [],
        run: (rows) => {
          const changes = decide(Object.fromEntries(names.map((name) => [name, rows.table(name).texts])) as never);
          const puts = names.map((name) => [name, [...(changes[name]?.put ?? [])]] as const);
          for (const [key, content] of puts.flatMap(([, entries]) => entries)) requireStorable(key, content);
          let removed = 0;
          for (const name of names) for (const key of changes[name]?.remove ?? []) if (rows.remove(name, key)) removed++;
          for (const [name, entries] of puts) for (const [key, content] of entries) rows.put(name, key, content);
          return removed;
        },
      }),
    resources: new SealedResources(driver, ledger, keys.seal, id),
    ownKeys: new SealedKeys(ledger, keys.seal, id),
    sessions,
    nonces,
    tokenIds,
    decisions,
    usage: new StoredUsage(driver, guard),
    async revision() {
      await ledger.check();
      return ledger.revision;
    },
    async lastTime() {
      return decisions.lastTime;
    },
    async ping() {
      await driver.ping();
      await ledger.check();
    },
    async prune(now, spentUntil) {
      await pruneExpired(driver, "sessions", now);
      await pruneExpired(driver, "nonces", spentUntil);
      await pruneExpired(driver, "token_ids", spentUntil);
      await decisions.prune();
    },
    snapshot: () => exportRows(driver, ledger),
    rekey: (next) => rekeyRows(driver, { storeId: id, from: keys, to: next }),
    async close() {
      for (const each of batching) await each.idle();
      await driver.close();
    },
  });
}

/** What one database takes, every one does; and nobody's text makes the transaction fail that others share. */
function requireStorable(key: string, content: string): void {
  if (key.includes("\0") || content.includes("\0")) {
    throw new CaiError("kbs.message-malformed", "a text to be stored holds the character U+0000");
  }
  // Databases keep half of a pair as another character: two keys would become one, and the order in which the head has them another.
  if (!key.isWellFormed() || !content.isWellFormed()) {
    throw new CaiError("kbs.message-malformed", "a text to be stored is no well-formed Unicode");
  }
  if (Buffer.byteLength(key) > MAX_KEY) {
    throw new CaiError("kbs.message-malformed", "a name to be stored is too long", { expected: `at most ${MAX_KEY} bytes` });
  }
}

/** Gives the rows of a core their meaning. */
function withViews(core: StoreCore): Store {
  return { ...core, policies: new StoredPolicies(core), references: new StoredReferences(core), collateral: new StoredCollateral(core) };
}

async function readStoreRow(ledger: Ledger): Promise<{ id: string; world: World }> {
  const [row, ...more] = (await ledger.table("store")).texts;
  if (row === undefined || more.length > 0) throw tampered({ table: "store" });
  const [id, content] = row;
  const { world } = JSON.parse(content) as { world: string };
  if (world !== "production" && world !== "simulated") throw tampered({ table: "store", key: id });
  return { id, world };
}
