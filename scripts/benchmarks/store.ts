import { Database } from "bun:sqlite";
import { createPrivateKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { makeAdminToken } from "../../src/protocol/index.ts";
import { masterKeyPath, openStore, parseStorePlace, readMasterKey } from "../../src/roles/trustee/store/index.ts";
import { caiJson, removeScratch, scratch, start, stopAll } from "../../test/e2e/cai.ts";
import { type Figure, median } from "./measure.ts";

const RESOURCES = 100_000;
const DECISIONS = 1_000_000;
const STARTS = 5;
const SETS = 4000;
const CLIENTS = 32;

/** A trustee with many resources and records: how soon it is ready, and how many secrets it takes a second, each of them on the disk. */
export async function benchStore(): Promise<Figure[]> {
  // Not in memory, where nothing waits for a disk.
  const folder = scratch();
  try {
    return await measure(join(folder, "store"));
  } finally {
    await stopAll();
    removeScratch(folder);
  }
}

async function measure(data: string): Promise<Figure[]> {
  const { admin_key: adminKeyPath, tid } = await caiJson(["trustee", "init", "--data", data]);
  await fill(data);
  const times: number[] = [];
  for (let i = 0; i < STARTS; i++) {
    const before = performance.now();
    const trustee = await start(serve(data));
    times.push(performance.now() - before);
    await trustee.kill("SIGTERM");
  }
  const ready = median(times);
  const trustee = await start(serve(data));
  const adminKey = createPrivateKey(readFileSync(String(adminKeyPath)));
  let left = SETS;
  const client = async () => {
    for (let n = left--; n > 0; n = left--) {
      const target = `/kbs/v0/resource/bench/key/n${n}`;
      const body = Buffer.alloc(32, n);
      const authorization = `Bearer ${await makeAdminToken(adminKey, String(tid), { method: "POST", target, body }, Math.floor(Date.now() / 1000))}`;
      const answer = await fetch(`${trustee.ready["url"]}${target}`, { method: "POST", body, headers: { authorization } });
      if (answer.status !== 200) throw new Error(`${answer.status} ${await answer.text()}`);
      await answer.body?.cancel();
    }
  };
  const before = performance.now();
  await Promise.all(Array.from({ length: CLIENTS }, client));
  const rate = SETS / ((performance.now() - before) / 1000);
  await trustee.kill("SIGTERM");
  return [
    {
      name: "start to ready, large store",
      value: `${ready.toFixed(0)} ms`,
      target: "< 300 ms",
      met: ready < 300,
      detail: `${RESOURCES} resources, ${DECISIONS} decisions, median of ${STARTS} starts of the process`,
    },
    {
      name: "resource sets",
      value: `${rate.toFixed(0)}/s`,
      target: ">= 500/s",
      met: rate >= 500,
      detail: `${SETS} sets over HTTP by ${CLIENTS} clients on the same cores, each synced before its answer, in the large store`,
    },
  ];
}

function serve(data: string): string[] {
  return ["trustee", "serve", "--data", data, "--listen", "127.0.0.1:0", "--collateral-source", "none"];
}

async function fill(data: string): Promise<void> {
  const place = parseStorePlace(undefined, data);
  const store = await openStore(place, readMasterKey(masterKeyPath(data)));
  for (let from = 0; from < RESOURCES; from += 1000) {
    const entries = Array.from({ length: 1000 }, (_, i) => ({
      path: `repo${(from + i) % 100}/key/n${from + i}`,
      value: Buffer.alloc(32, i),
    }));
    await store.resources.putAll(entries, false);
  }
  await store.close();
  const database = new Database(join(data, "trustee.db"));
  const insert = database.prepare(
    `INSERT INTO decisions (time, kind, outcome, tee, subject, id, realm, detail) VALUES (?, 'attest', 'denied', 'tdx', 'repo/key/tag', ?, '', ?)`,
  );
  const time = Math.floor(Date.now() / 1000) - DECISIONS;
  database.transaction(() => {
    for (let n = 0; n < DECISIONS; n++)
      insert.run(time + n, `decision-id-${n}`, `{"statements":["line ${n}: a reason of an ordinary length"]}`);
  })();
  database.close();
}
