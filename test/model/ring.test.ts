import { expect, test } from "bun:test";
import { createRing, Ring } from "../../src/model/ring.ts";

test("what is filled at one end is drained at the other, in order, through spans that are used again", () => {
  const memory = createRing(4, 3);
  const writer = new Ring(memory);
  const reader = new Ring(memory);
  const drained: number[] = [];
  for (let number = 0; number < 10; number++) {
    writer.spanToFill(number)!.fill(number);
    writer.filled();
    if (number < 2) continue;
    drained.push(...reader.spanToDrain(number - 2)!);
    reader.drained();
  }
  expect(drained).toEqual([0, 1, 2, 3, 4, 5, 6, 7].flatMap((number) => [number, number, number, number]));
});

test("an end that gave up is noticed by the other, also while it waits", async () => {
  const memory = createRing(4, 1);
  const ring = new Ring(memory);
  expect(ring.spanToFill(0)).toBeDefined();
  const source = `
    import { Ring } from ${JSON.stringify(import.meta.resolve("../../src/model/ring.ts"))};
    self.onmessage = ({ data }) => {
      postMessage("waiting");
      postMessage(new Ring(data).spanToDrain(0) === undefined ? "gave up" : "got a span");
    };`;
  const worker = new Worker(URL.createObjectURL(new Blob([source], { type: "application/typescript" })));
  const heard: string[] = [];
  const answered = new Promise<void>((resolve) => {
    worker.onmessage = ({ data }) => {
      heard.push(data);
      if (data === "waiting") ring.stop();
      else resolve();
    };
  });
  worker.postMessage(memory);
  await answered;
  worker.terminate();
  expect(heard).toEqual(["waiting", "gave up"]);
  expect(ring.spanToFill(0)).toBeUndefined();
});
