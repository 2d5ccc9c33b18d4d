import { expect, test } from "bun:test";
import { Gate } from "../../../src/roles/trustee/gate.ts";
import { idOf } from "./scratch.ts";

test("lets so many through at a time, keeps so many waiting, and refuses the rest (I40)", async () => {
  const gate = new Gate(2, 3);
  let running = 0;
  let most = 0;
  const open = Promise.withResolvers<void>();
  const work = async () => {
    most = Math.max(most, ++running);
    await open.promise;
    running--;
  };
  const admitted = Array.from({ length: 5 }, () => gate.run(work));
  expect(await idOf(() => gate.run(work))).toBe("kbs.busy");
  open.resolve();
  await Promise.all(admitted);
  expect(most).toBe(2);
  expect(await idOf(() => gate.run(async () => {}))).toBe("done");
});

test("goes on after work that fails", async () => {
  const gate = new Gate(1, 1);
  await expect(gate.run(() => Promise.reject(new Error("broken")))).rejects.toThrow("broken");
  expect(await gate.run(async () => 7)).toBe(7);
});
