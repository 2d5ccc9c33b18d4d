import { expect, test } from "bun:test";
import { QuoteQueue } from "../../../../src/tee/tdx/attest/quote-queue.ts";
import { asyncRejection } from "../../../rejection.ts";

const over = (byte: number) => new Uint8Array(64).fill(byte);

test("one piece of evidence is made at a time, in the order of asking", async () => {
  const queue = new QuoteQueue<number>();
  const steps: string[] = [];
  const make = (name: number) => async () => {
    steps.push(`start ${name}`);
    await new Promise((resolve) => setImmediate(resolve));
    steps.push(`end ${name}`);
    return name;
  };
  expect(await Promise.all([1, 2, 3].map((name) => queue.shared(over(name), make(name))))).toEqual([1, 2, 3]);
  expect(steps).toEqual(["start 1", "end 1", "start 2", "end 2", "start 3", "end 3"]);
});

test("requests over the same report data share one piece, and later ones get another", async () => {
  const queue = new QuoteQueue<number>();
  let made = 0;
  const make = async () => ++made;
  expect(await Promise.all([1, 2, 3].map(() => queue.shared(over(7), make)))).toEqual([1, 1, 1]);
  expect(await queue.shared(over(7), make)).toBe(2);
});

test("a failure reaches all who share it, and nobody after them", async () => {
  const queue = new QuoteQueue<number>();
  const fail = () => Promise.reject(new Error("no quote"));
  const both = await Promise.allSettled([queue.shared(over(1), fail), queue.shared(over(1), fail)]);
  expect(both.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  expect(await queue.shared(over(1), async () => 5)).toBe(5);
});

test("a thirty-fourth request is refused while one is being made and thirty-two wait, and the others still get theirs", async () => {
  const queue = new QuoteQueue<number>();
  const gate = Promise.withResolvers<void>();
  const first = queue.shared(over(0), async () => {
    await gate.promise;
    return 0;
  });
  await new Promise((resolve) => setImmediate(resolve));
  const waiting = Array.from({ length: 32 }, (_, index) => queue.shared(over(index + 1), async () => index + 1));
  expect((await asyncRejection(queue.shared(over(99), async () => 99))).id).toBe("agent.evidence-busy");
  expect((await asyncRejection(queue.alone(async () => {}))).id).toBe("agent.evidence-busy");
  const shared = queue.shared(over(5), async () => -1);
  gate.resolve();
  expect<number[]>(await Promise.all([first, ...waiting])).toEqual(Array.from({ length: 33 }, (_, index) => index));
  expect(await shared).toBe(5);
  expect(await queue.shared(over(99), async () => 99)).toBe(99);
});
