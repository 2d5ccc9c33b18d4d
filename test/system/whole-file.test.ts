import { afterAll, describe, expect, test } from "bun:test";
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeWholeFile } from "../../src/system/index.ts";
import { rejection } from "../rejection.ts";

const folder = mkdtempSync(join(tmpdir(), "cai-whole-"));
afterAll(() => rmSync(folder, { recursive: true }));

describe("a file that is written in one step", () => {
  const path = join(folder, "file");
  const mode = () => statSync(path).mode & 0o777;

  test("has the text and the permissions that were asked for", () => {
    writeWholeFile(path, "one", { mode: 0o600 });
    expect([readFileSync(path, "utf8"), mode()]).toEqual(["one", 0o600]);
  });

  test("keeps the permissions of the one in whose place it is put", () => {
    chmodSync(path, 0o640);
    writeWholeFile(path, "two", { replaces: true });
    expect([readFileSync(path, "utf8"), mode()]).toEqual(["two", 0o640]);
  });

  test("leaves nothing behind where it cannot be put there", () => {
    expect(rejection(() => writeWholeFile(join(folder, "none", "file"), "text")).id).toBe("cli.output-failed");
    expect(rejection(() => writeWholeFile(join(folder, "absent"), "text", { replaces: true })).id).toBe("cli.output-failed");
    expect(rejection(() => writeWholeFile(folder, "text")).id).toBe("cli.output-failed");
    expect(readdirSync(folder)).toEqual(["file"]);
  });
});
