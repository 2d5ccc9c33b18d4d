import { afterEach, beforeEach, expect, test } from "bun:test";
import { checkClock, forgetExpired } from "../../../src/roles/trustee/clock.ts";
import { initTrustee } from "../../../src/roles/trustee/init.ts";
import type { Store } from "../../../src/roles/trustee/store/index.ts";
import { idOf, openData, scratchData } from "./scratch.ts";

const NOW = 1_800_000_000;
let store: Store;
let remove: () => void;

beforeEach(async () => {
  const data = scratchData();
  remove = data.remove;
  await initTrustee({ dataDir: data.dataDir, simulated: true });
  store = await openData(data.dataDir);
});
afterEach(async () => {
  await store.close();
  remove();
});

test("a clock more than 300 seconds behind the last record is refused", async () => {
  await store.decisions.append({ time: NOW, kind: "attest", outcome: "denied" });
  await checkClock(store, NOW - 300);
  expect(await idOf(() => checkClock(store, NOW - 301))).toBe("trustee.clock-behind");
});

test("what was spent is remembered until no clock that is taken finds it valid (I2, I24)", async () => {
  const ledgers = [store.nonces, store.tokenIds];
  await store.decisions.append({ time: NOW, kind: "attest", outcome: "denied" });
  for (const spent of ledgers) expect(await spent.spend("value", NOW + 300)).toBe(true);
  // Expired by this clock, but the last record still lets it be set back.
  await forgetExpired(store, NOW + 10_000);
  for (const spent of ledgers) expect(await spent.spend("value", NOW + 300)).toBe(false);
  await store.decisions.append({ time: NOW + 10_000, kind: "attest", outcome: "denied" });
  await forgetExpired(store, NOW + 10_000);
  expect(await idOf(() => checkClock(store, NOW + 299))).toBe("trustee.clock-behind");
  for (const spent of ledgers) expect(await spent.spend("value", NOW + 300)).toBe(true);
});
