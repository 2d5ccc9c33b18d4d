import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { areaLength, readCcel, readRuntimeLog } from "../../../../src/tee/tdx/attest/ccel.ts";
import { asyncRejection } from "../../../rejection.ts";
import { changed, errorId, haveVectors, vector } from "../testing.ts";
import { acpiTable } from "./fakes/acpi-table.ts";

const folder = mkdtempSync(join(tmpdir(), "cai-ccel-"));
afterAll(() => rmSync(folder, { recursive: true }));
const paths = { ccelTable: join(folder, "CCEL"), ccelData: join(folder, "data") };

describe("the ACPI table of the boot event log", () => {
  const table = acpiTable(65_536);

  test("says how long the log area is", () => {
    expect(areaLength(table)).toBe(65_536);
  });

  test.skipIf(!haveVectors)("of a real machine is read", () => {
    expect(areaLength(vector("ccel/cos113-acpi-table.bin"))).toBe(262_144);
  });

  test("is refused cut, longer, with any bit flipped, for another TEE, or over an area that no log needs", () => {
    for (let size = 0; size < table.length; size++) expect(errorId(() => areaLength(table.subarray(0, size)))).toBe("tdx.ccel-malformed");
    expect(errorId(() => areaLength(Buffer.concat([table, new Uint8Array(1)])))).toBe("tdx.ccel-malformed");
    for (let at = 0; at < table.length; at++) {
      const flipped = changed(table, (copy) => {
        copy[at]! ^= 0x10;
      });
      expect(errorId(() => areaLength(flipped))).toBe("tdx.ccel-malformed");
    }
    expect(errorId(() => areaLength(acpiTable(65_536, 1)))).toBe("tdx.ccel-malformed");
    for (const length of [0, 4 * 1024 * 1024 + 1, 2 ** 52]) expect(errorId(() => areaLength(acpiTable(length)))).toBe("tdx.ccel-malformed");
  });
});

describe("the boot event log", () => {
  test("is absent where firmware announces none, whatever else is there", async () => {
    writeFileSync(paths.ccelData, "anything");
    expect(await readCcel(paths)).toBeUndefined();
    expect(await readRuntimeLog(join(folder, "no", "log"))).toBeUndefined();
  });

  test("is the whole area, and never more than its table says", async () => {
    writeFileSync(paths.ccelTable, acpiTable(100));
    writeFileSync(paths.ccelData, new Uint8Array(100).fill(1));
    expect(await readCcel(paths)).toEqual(new Uint8Array(100).fill(1));
    writeFileSync(paths.ccelData, new Uint8Array(101));
    expect((await asyncRejection(readCcel(paths))).id).toBe("tdx.ccel-malformed");
  });

  test("that is announced and not there, too long, or no file, is an error and not an absent log", async () => {
    writeFileSync(paths.ccelTable, acpiTable(100));
    rmSync(paths.ccelData);
    expect((await asyncRejection(readCcel(paths))).id).toBe("tdx.ccel-malformed");
    mkdirSync(paths.ccelData);
    expect((await asyncRejection(readCcel(paths))).id).toBe("tdx.ccel-unreadable");
    const pipe = join(folder, "pipe");
    Bun.spawnSync(["mkfifo", pipe]);
    for (const other of [pipe, "/dev/zero"])
      expect(await asyncRejection(readRuntimeLog(other))).toMatchObject({ id: "tdx.ccel-unreadable", got: "no regular file" });
    writeFileSync(paths.ccelTable, new Uint8Array(57));
    expect((await asyncRejection(readCcel(paths))).id).toBe("tdx.ccel-malformed");
    const long = join(folder, "long");
    writeFileSync(long, new Uint8Array(4 * 1024 * 1024 + 1));
    expect((await asyncRejection(readRuntimeLog(long))).id).toBe("tdx.ccel-malformed");
  });
});
