import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { createLogger } from "../../src/system/index.ts";

describe("a log line", () => {
  test("holds time, level, message and fields", () => {
    const lines: string[] = [];
    createLogger("info", false, (line) => lines.push(line)).info("attested", { tee: "tdx", count: 3, missing: undefined });
    expect(lines[0]).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z info {2}attested tee=tdx count=3$/);
  });

  test("is written from the chosen level on", () => {
    const lines: string[] = [];
    const log = createLogger("warn", false, (line) => lines.push(line));
    log.info("no");
    log.warn("yes");
    expect(lines.length).toBe(1);
  });

  test("cannot be forged by a value: neither a second line nor a second field", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (value) => {
        const lines: string[] = [];
        createLogger("info", false, (line) => lines.push(line)).info("event", { peer: `${value}\nx=y a=b` });
        return lines.length === 1 && !lines[0]!.includes("\n") && /peer="(?:[^"\\]|\\.)*"$/.test(lines[0]!);
      }),
    );
  });

  test("is one line without control characters, whatever message and values hold", () => {
    const lines: string[] = [];
    createLogger("info", false, (line) => lines.push(line)).error("block of a\u001b[2J\nb is corrupt", { path: "c\u009b31m\u2028\u202ed" });
    expect(lines[0]).not.toMatch(/[\p{Cc}\p{Zl}\u202e]/u);
  });

  test("keeps its own time, level and message whatever the fields are called", () => {
    const lines: string[] = [];
    createLogger("info", true, (line) => lines.push(line)).warn("true", {
      level: "debug",
      message: "false",
      time: "never",
      peer: "a\u009bb",
    });
    expect(JSON.parse(lines[0]!)).toMatchObject({ level: "warn", message: "true", peer: "a b", time: expect.stringMatching(/^\d{4}-/) });
  });

  test("is one JSON object where that is asked for, large numbers included", () => {
    const lines: string[] = [];
    createLogger("info", true, (line) => lines.push(line)).error("bad", { size: 2n ** 60n });
    expect(JSON.parse(lines[0]!)).toMatchObject({ level: "error", message: "bad", size: "1152921504606846976" });
  });
});
