import { expect, test } from "bun:test";
import { Gate } from "../../../src/roles/trustee/gate.ts";
import { idOf } from "./scratch.ts";

test("lets so many be under way at a time, and refuses the rest (I40)", async () => {
  const gate = new Gate(3);
  const open = Promise.withResolvers<void>();
  const admitted = Array.from({ length: 3 }, () => gate.run(() => open.promise));
  expect(await idOf(() => gate.run(async () => {}))).toBe("kbs.busy");
  open.resolve();
  await Promise.all(admitted);
  expect(await idOf(() => gate.run(async () => {}))).toBe("done");
});

test("goes on after work that fails", async () => {
  const gate = new Gate(1);
  await expect(gate.run(() => Promise.reject(new Error("broken")))).rejects.toThrow("broken");
  expect(await gate.run(async () => 7)).toBe(7);
});
