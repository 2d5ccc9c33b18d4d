import { expect, test } from "bun:test";
import { createLogger, onBehalfOf, requestLogger } from "../../src/system/index.ts";

test("what is logged on behalf of a request names it, also after it waited, and nothing else does", async () => {
  const log: string[] = [];
  const logger = requestLogger(createLogger("debug", true, (line) => log.push(line)));
  await Promise.all(
    ["a", "b"].map((id) =>
      onBehalfOf(id, async () => {
        await Promise.resolve();
        for (const level of ["debug", "info", "warn", "error"] as const) logger[level](id, { field: 1 });
      }),
    ),
  );
  logger.info("none");
  for (const line of log.map((text) => JSON.parse(text) as Record<string, unknown>)) {
    expect(line["request"]).toBe(line["message"] === "none" ? undefined : line["message"]);
  }
  expect(log).toHaveLength(9);
});
