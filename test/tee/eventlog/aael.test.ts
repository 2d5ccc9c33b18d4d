import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import fc from "fast-check";
import type { JsonValue } from "../../../src/system/index.ts";
import { aaelEvent, EVENT_TYPE, eventLogClaims, type LogHash, parseEventLog, SHA384 } from "../../../src/tee/eventlog/index.ts";
import { errorId, joined, logOf, utf8 } from "./testing.ts";

const event = (domain: string, operation: string, content: string) => aaelEvent({ domain, operation, content }, SHA384);
const readData = (data: Uint8Array): JsonValue | undefined => {
  const [claim] = eventLogClaims(parseEventLog(logOf({ index: 4, type: EVENT_TYPE.EV_EVENT_TAG, data })), SHA384);
  return (claim!["details"] as { data?: JsonValue }).data;
};
const contentOf = (content: string) => (readData(event("d", "o", content).data) as { content: JsonValue }).content;
const tagged = (text: Uint8Array): Uint8Array => joined(utf8("LEAA"), Uint8Array.of(text.length, 0, 0, 0), text);

/** The text itself, and its value where it is JSON. */
function meanings(content: string): JsonValue[] {
  try {
    return [content, JSON.parse(content) as JsonValue];
  } catch {
    return [content];
  }
}

describe("a runtime event", () => {
  test("has its digest over tag, length and text", () => {
    const sha256: LogHash = {
      name: "SHA-256",
      digest: (...parts) =>
        new Uint8Array(
          createHash("sha256")
            .update(joined(...parts))
            .digest(),
        ),
    };
    const { data, digest } = aaelEvent({ domain: "domain", operation: "operation", content: "content" }, sha256);
    expect(data).toEqual(joined(utf8("LEAA"), Uint8Array.of(24, 0, 0, 0), utf8("domain operation content")));
    expect(digest.toHex()).toBe("46df8dacf00a07d34a83cdf56d7978697790787cf2ba1432ef7c38f22cd96351");
  });

  test("reads back as its three parts, whatever they are", () => {
    const word = fc.string({ unit: "grapheme", minLength: 1, maxLength: 12 }).filter((text) => !/[\s\p{Cc}]/u.test(text));
    const line = fc.string({ unit: "grapheme", maxLength: 40 }).filter((text) => !/[\p{Cc}\u2028\u2029]/u.test(text));
    fc.assert(
      fc.property(word, word, line, (domain, operation, content) => {
        const read = readData(event(domain, operation, content).data) as { domain: string; operation: string; content: JsonValue };
        expect([read.domain, read.operation]).toEqual([domain, operation]);
        expect(meanings(content)).toContainEqual(read.content);
      }),
    );
  });

  test("is not recorded with parts that would be read otherwise", () => {
    const invalid = (domain: string, operation: string, content: string) => errorId(() => event(domain, operation, content));
    for (const word of ["", "a b", "a\tb", "a\u00a0b", "a\nb", "a\0", "\u001b[1m", "\ud800"]) {
      expect(invalid(word, "o", "c")).toBe("eventlog.event-invalid");
      expect(invalid("d", word, "c")).toBe("eventlog.event-invalid");
    }
    for (const content of ["a\nb", "a\r", "a\0b", "\u2028", "\u0085", "\udfff", "x".repeat(16 * 1024)]) {
      expect(invalid("d", "o", content)).toBe("eventlog.event-invalid");
    }
    for (const content of ["", " ", "two words", "a\tb", "ü", '{"a": 1}']) expect(invalid("d", "o", content)).toBeUndefined();
  });

  test("has JSON for content where that means one thing only, else the text", () => {
    for (const [text, value] of [
      ['{"root": "sha256:00", "uri": "kbs:///a/b/c"}', { root: "sha256:00", uri: "kbs:///a/b/c" }],
      ["[1, -2.5, true, null]", [1, -2.5, true, null]],
      [
        '[0.0, 1.0e3, 9007199254740991, {"1.00000000000000000001": "-0"}]',
        [0, 1000, 9_007_199_254_740_991, { "1.00000000000000000001": "-0" }],
      ],
      ['"text"', "text"],
      ['{"__proto__": {"a": 1}}', JSON.parse('{"__proto__": {"a": 1}}')],
      ['{"a": {"b": "c:\\":"}}', { a: { b: 'c:":' } }],
    ] as const) {
      expect(contentOf(text)).toEqual(value as JsonValue);
    }
    for (const text of [
      '{"root": "good", "root": "bad"}',
      '{"root": "good", "r\\u006fot": "bad"}',
      '[{"a": 1}, {"b": 1, "b": 2}]',
      "12345678901234567890",
      '{"n": 9007199254740993}',
      "1e999",
      "1e-999",
      "[1.00000000000000000001]",
      '{"n": 0.12345678901234567}',
      "-0",
      '"\\ud800"',
      '{"\\ud800": 1}',
      `${"[".repeat(20)}${"]".repeat(20)}`,
      "{not json",
      "",
    ]) {
      expect(contentOf(text)).toBe(text);
    }
  });

  test("that is not of the form has no parts", () => {
    for (const text of ["", "one", "one two", "one  two", " one two", "one two\u2028 three", "o\u0000e two three"])
      expect(readData(tagged(utf8(text)))).toBeUndefined();
    expect(readData(tagged(utf8("one two ")))).toEqual({ domain: "one", operation: "two", content: "" });
    for (const change of [-1, 1, 0x7f]) {
      const data = tagged(utf8("d o c"));
      data[4] = data[4]! + change;
      expect(readData(data)).toBeUndefined();
    }
    expect(readData(tagged(Uint8Array.of(0x64, 0x20, 0x6f, 0x20, 0xff)))).toBeUndefined();
  });
});
