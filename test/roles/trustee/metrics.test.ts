import { expect, test } from "bun:test";
import { Metrics } from "../../../src/roles/trustee/metrics.ts";
import { CaiError } from "../../../src/system/index.ts";

test("metrics are there while the store is not, without what only the store could tell", async () => {
  const metrics = new Metrics(["tdx"]);
  const end = metrics.watch({
    requests: () => ({ active: 3, arriving: 1, bytes: 7 }),
    clients: () => 2,
    verification: () => ({ threads: 1, waiting: 0 }),
    collateral: () => Promise.reject(new CaiError("store.unavailable", "away")),
    certificateEnd: () => undefined,
    clock: () => 0,
  });
  const text = await metrics.text();
  end();
  expect(text).toContain("\ncai_requests_active 3\n");
  expect(text).not.toMatch(/^cai_collateral_(?:sets|expired|oldest_seconds) /m);
});
