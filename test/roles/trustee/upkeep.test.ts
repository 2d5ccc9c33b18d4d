import { expect, test } from "bun:test";
import { upkeep } from "../../../src/roles/trustee/upkeep.ts";
import { CaiError } from "../../../src/system/index.ts";

test("says once that the database is away and once that it is back, however often it looks", async () => {
  const said: string[] = [];
  const log =
    (level: string) =>
    (message: string, fields: object = {}) =>
      void said.push(`${level} ${message} ${JSON.stringify(fields)}`);
  let fails: "store.unavailable" | "store.record-tampered" | undefined = "store.unavailable";
  const work = upkeep(
    async () => {
      if (fails !== undefined) throw new CaiError(fails, "why");
    },
    { error: log("error"), info: log("info") },
  );
  for (let times = 0; times < 3; times++) await work();
  fails = "store.record-tampered";
  await work();
  fails = undefined;
  for (let times = 0; times < 3; times++) await work();
  expect(said).toEqual([
    'error upkeep failed {"error":"store.unavailable","reason":"why"}',
    'error upkeep failed {"error":"store.record-tampered","reason":"why"}',
    'info upkeep goes on {"after":"store.record-tampered"}',
  ]);
});
