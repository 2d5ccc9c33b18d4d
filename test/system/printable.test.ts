import { expect, test } from "bun:test";
import { printable } from "../../src/system/index.ts";

test("text for a terminal has blanks for what would move the cursor, turn the line, or not be seen", () => {
  for (const [name, character] of Object.entries({
    escape: "\u001b",
    csi: "\u009b",
    "line separator": "\u2028",
    "right-to-left override": "\u202e",
    "right-to-left isolate": "\u2067",
    "right-to-left mark": "\u200f",
    "Arabic letter mark": "\u061c",
    "zero-width space": "\u200b",
    "byte order mark": "\ufeff",
    "soft hyphen": "\u00ad",
    tag: "\u{e0041}",
    "half a character": "\ud800",
  })) {
    expect([name, printable(`a${character}b`)]).toEqual([name, "a b"]);
  }
  expect(printable("größe 模型 🦀")).toBe("größe 模型 🦀");
  expect([printable("a\nb"), printable("a\nb", true)]).toEqual(["a b", "a\nb"]);
});
