import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readTextFile } from "../../src/system/index.ts";
import { rejection } from "../rejection.ts";

const folder = mkdtempSync(join(tmpdir(), "cai-text-"));
afterAll(() => rmSync(folder, { recursive: true }));

describe("a file that a user names", () => {
  test("is read as text", () => {
    writeFileSync(join(folder, "text"), "é\n");
    expect(readTextFile(join(folder, "text"))).toBe("é\n");
  });

  test("that is absent, a folder or too large is refused", () => {
    writeFileSync(join(folder, "large"), "");
    truncateSync(join(folder, "large"), 16 * 1024 * 1024 + 1);
    for (const name of ["absent", ".", "large"]) expect(rejection(() => readTextFile(join(folder, name))).id).toBe("cli.input-unreadable");
  });
});
