import { expect, test } from "bun:test";
import { parseTime } from "../../../../src/roles/owner/verify/time.ts";
import { errorId } from "../../../tee/tdx/testing.ts";

test("a time is RFC 3339 with a zone, a day, or seconds", () => {
  expect(parseTime("2026-01-10T00:00:00Z")).toBe(1_768_003_200);
  expect(parseTime("2026-01-10T02:00:00.999+02:00")).toBe(1_768_003_200);
  expect(parseTime("2026-01-10")).toBe(1_768_003_200);
  expect(parseTime("1768003200")).toBe(1_768_003_200);
});

test("a time of any other form, or that does not exist, is refused", () => {
  for (const text of [
    "",
    "now",
    "2026-01-10T00:00:00",
    "2026-02-30",
    "2026-13-01",
    "2026-01-10T25:00:00Z",
    "-1",
    "1e9",
    "999999999999",
    "10/01/2026",
  ]) {
    expect(errorId(() => parseTime(text))).toBe("cli.setting-invalid");
  }
});
