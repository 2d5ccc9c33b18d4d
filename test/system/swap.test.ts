import { expect, test } from "bun:test";
import { activeSwap } from "../../src/system/index.ts";

const HEADING = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n";

test("no area, no swap", () => {
  expect(activeSwap(HEADING)).toEqual([]);
  expect(activeSwap("")).toEqual([]);
});

test("files and partitions count, compressed memory does not", () => {
  const text = `${HEADING}/dev/zram0                              partition\t8388604\t\t0\t\t100
/dev/vda2                               partition\t2097148\t\t12\t\t-2
/swap\\040file                          file\t\t1048572\t\t0\t\t-3
`;
  expect(activeSwap(text)).toEqual(["/dev/vda2", "/swap\\040file"]);
});

test("a name that only begins like compressed memory counts", () => {
  expect(activeSwap(`${HEADING}/dev/zram0/../vda2 partition 1 0 -2\n/mnt/dev/zram0 file 1 0 -2\n`)).toEqual([
    "/dev/zram0/../vda2",
    "/mnt/dev/zram0",
  ]);
});
