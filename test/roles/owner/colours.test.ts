import { expect, test } from "bun:test";
import { coloursFor } from "../../../src/roles/owner/colours.ts";

test("colours are for terminals only, and not for people who want none", () => {
  expect(coloursFor({ isTTY: true }, {}).bad("no")).toBe("\x1b[31mno\x1b[0m");
  expect(coloursFor({ isTTY: true }, { NO_COLOR: "" }).good("yes")).toBe("\x1b[32myes\x1b[0m");
  expect(coloursFor({ isTTY: true }, { NO_COLOR: "1" }).bad("no")).toBe("no");
  expect(coloursFor({}, {}).warning("maybe")).toBe("maybe");
  expect(coloursFor({ isTTY: false }, {}).faint("aside")).toBe("aside");
});
