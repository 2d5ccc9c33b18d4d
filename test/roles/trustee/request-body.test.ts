import { expect, test } from "bun:test";
import fc from "fast-check";
import { ByteBudget } from "../../../src/roles/trustee/byte-budget.ts";
import { readBody } from "../../../src/roles/trustee/request-body.ts";
import { idOf } from "./scratch.ts";

const LIMIT = 100;
const MINUTE = 60_000;

function streamed(chunks: Uint8Array[], end = true): Request {
  const body = new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk);
      if (end) controller.close();
    },
  });
  return new Request("http://localhost/", { method: "POST", body });
}

test("a body is read whole, however it is cut, and refused as soon as it is longer than its limit", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { maxLength: 8 }), async (chunks) => {
      const whole = Buffer.concat(chunks);
      const read = readBody(streamed(chunks), LIMIT, MINUTE, () => {});
      if (whole.length > LIMIT) expect(await idOf(() => read)).toBe("kbs.request-too-large");
      else expect(Buffer.from(await read).equals(whole)).toBe(true);
    }),
  );
});

test("a body that is announced as too long is refused before it is read", async () => {
  const request = new Request("http://localhost/", { method: "POST", body: "x", headers: { "content-length": "101" } });
  expect(await idOf(() => readBody(request, LIMIT, MINUTE, () => {}))).toBe("kbs.request-too-large");
});

test("a body that never ends is given up", async () => {
  expect(await idOf(() => readBody(streamed([new Uint8Array(1)], false), LIMIT, 1, () => {}))).toBe("kbs.request-timeout");
});

test("a request without a body has an empty one", async () => {
  expect((await readBody(new Request("http://localhost/"), 0, MINUTE, () => {})).length).toBe(0);
});

test("bodies that are too large together are refused, and what was held is free again afterwards (I40)", async () => {
  const budget = new ByteBudget(10);
  const read = (size: number) => readBody(streamed([new Uint8Array(size)]), LIMIT, MINUTE, (bytes) => budget.take(bytes));
  expect((await read(6)).length).toBe(6);
  expect(await idOf(() => read(5))).toBe("kbs.busy");
  budget.give(6);
  expect((await read(10)).length).toBe(10);
});
