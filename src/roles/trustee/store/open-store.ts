import { closeSync, existsSync, openSync } from "node:fs";
import { CaiError } from "../../../system/index.ts";
import { importRows, type StoreRow } from "./backup.ts";
import { fillStore, type StoreContents } from "./build.ts";
import { openCore } from "./core.ts";
import type { Driver } from "./driver.ts";
import type { StoreKeys } from "./master-key.ts";
import type { StorePlace } from "./place.ts";
import { PostgresDriver } from "./postgres-driver.ts";
import { SqliteDriver } from "./sqlite-driver.ts";
import type { Store } from "./store.ts";
import { SCHEMA_VERSION } from "./tables.ts";

/**
 * @returns whether there is a store at the place; one that a crash left half made does not count
 * @throws CaiError `store.schema-unknown`, `store.unreadable`, `store.unavailable`
 */
export async function storeExists(place: StorePlace): Promise<boolean> {
  if (place.kind === "sqlite" && !existsSync(place.path)) return false;
  return withDriver(place, async (driver) => (await driver.schemaVersion()) > 0);
}

/**
 * Makes a store in one transaction: it is there whole, or not at all.
 *
 * @returns false where there is one already, which is left as it is
 * @throws CaiError `store.unreadable`, `store.unavailable`
 */
export async function createStore(place: StorePlace, keys: StoreKeys, contents: StoreContents): Promise<boolean> {
  prepareFile(place);
  return withDriver(place, (driver) =>
    driver.write(async (statements) => {
      if ((await driver.lockSchema(statements)) !== 0) return false;
      await driver.declareSchema(statements);
      await fillStore(statements, keys, contents);
      return true;
    }),
  );
}

/**
 * Writes the rows of another store into a place that holds none, and checks all of them before it is one.
 *
 * @param rows  what `snapshot` of that store gave
 * @param now   seconds since 1970; no nonce that was given out before is taken by the new store
 * @throws CaiError `store.not-empty`, `store.record-tampered`: rows are missing or changed, or were written under another master key
 */
export async function importStore(
  place: StorePlace,
  keys: StoreKeys,
  rows: AsyncIterable<StoreRow> | Iterable<StoreRow>,
  now: number,
): Promise<void> {
  prepareFile(place);
  await withDriver(place, (driver) => importRows(driver, keys, rows, now));
}

/**
 * Opens a store, brings it to the present schema where it is of an older one, and checks it.
 *
 * @param servingFrom  seconds since 1970, where nonces will be given out from then on. In a file, which one process serves, the epoch then
 *                     grows to at least this, so that no nonce from before this start is taken again: neither where the record that it was
 *                     spent was lost, nor where the file was put back from a copy. In a database server it stays: other replicas' nonces
 *                     are answered here, and there only a restore makes it grow
 * @throws CaiError `store.record-tampered`, `store.schema-unknown`, `store.unreadable`, `store.unavailable`
 */
export async function openStore(place: StorePlace, keys: StoreKeys, servingFrom?: number): Promise<Store> {
  const driver = driverOf(place);
  try {
    const version = await driver.schemaVersion();
    if (version === 0) throw new CaiError("store.missing", `${place.shown} holds no store`, { hint: "Make one with `cai trustee init`." });
    if (version < SCHEMA_VERSION) {
      await driver.write(async (statements) => {
        // Another replica may have done it meanwhile.
        const from = await driver.lockSchema(statements);
        if (from < SCHEMA_VERSION) await driver.migrate(statements, from, keys);
      });
    }
    return await openCore(driver, keys, place.kind === "sqlite" ? servingFrom : undefined);
  } catch (error) {
    await driver.close();
    throw error;
  }
}

async function withDriver<T>(place: StorePlace, work: (driver: Driver) => Promise<T>): Promise<T> {
  const driver = driverOf(place);
  try {
    return await work(driver);
  } finally {
    await driver.close();
  }
}

function driverOf(place: StorePlace): Driver {
  return place.kind === "sqlite" ? new SqliteDriver(place.path) : new PostgresDriver(place);
}

/** Makes the file of a new store, closed to others. */
function prepareFile(place: StorePlace): void {
  if (place.kind !== "sqlite") return;
  try {
    closeSync(openSync(place.path, "a", 0o600));
  } catch (cause) {
    throw new CaiError("store.unreadable", `the store ${place.path} cannot be made: ${(cause as Error).message}`, { cause });
  }
}
