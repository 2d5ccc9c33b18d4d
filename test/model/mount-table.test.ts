import { expect, test } from "bun:test";
import { mayMount } from "../../src/model/fuse/available.ts";
import { mountAt, parseMountTable } from "../../src/model/mount-table.ts";

const TABLE = `22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:40 / /models rw,relatime - tmpfs none rw
31 30 0:41 / /models ro,nosuid,nodev,noexec,relatime shared:7 master:1 - fuse.cai cai-model ro,user_id=0
32 22 0:42 / /mnt/with\\040blank\\134and\\011tab rw - fuse.other some\\040source rw
`;

test("the table of mounts is read with its optional fields and escapes", () => {
  expect(parseMountTable(TABLE)).toEqual([
    { device: "254:0", mountpoint: "/", type: "ext4", source: "/dev/vda" },
    { device: "0:40", mountpoint: "/models", type: "tmpfs", source: "none" },
    { device: "0:41", mountpoint: "/models", type: "fuse.cai", source: "cai-model" },
    { device: "0:42", mountpoint: "/mnt/with blank\\and\ttab", type: "fuse.other", source: "some source" },
  ]);
});

test("of several mounts on one path the last is the one that is seen", () => {
  const rows = parseMountTable(TABLE);
  expect(mountAt(rows, "/models")?.type).toBe("fuse.cai");
  expect(mountAt(rows, "/model")).toBeUndefined();
});

test("an empty or cut table has no rows that are half read", () => {
  expect(parseMountTable("")).toEqual([]);
  expect(parseMountTable("30 22 0:40 / /models rw,relatime")).toEqual([]);
  expect(parseMountTable("30 22 0:40 - tmpfs none rw")).toEqual([]);
});

test("the right to mount is the capability, not the user", () => {
  expect(mayMount("Name:\tcai\nCapEff:\t000001ffffffffff\n")).toBe(true);
  expect(mayMount("CapEff:\t0000000000200000\n")).toBe(true);
  expect(mayMount("CapEff:\t000001ffffdfffff\n")).toBe(false);
  expect(mayMount("CapPrm:\t000001ffffffffff\nCapEff:\t0000000000000000\n")).toBe(false);
  expect(mayMount("")).toBe(false);
});
