import { afterAll, expect, test } from "bun:test";
import { mkdirSync, symlinkSync } from "node:fs";
import { machineWith, removeMachines } from "./fake-machine.ts";

afterAll(removeMachines);

test("a machine is looked at below its root, and what is not there is nothing", () => {
  const machine = machineWith({ "/etc/name": " text\n", "/proc/12/comm": "sshd\n", "/proc/self/comm": "x", "/proc/13/stat": "gone" });
  expect([machine.text("/etc/name"), machine.text("/etc/none"), machine.text("/etc"), machine.text("/etc/name/x")]).toEqual([
    "text",
    undefined,
    undefined,
    undefined,
  ]);
  expect([machine.size("/etc/name"), machine.size("/none"), machine.exists("/none"), machine.names("/none")]).toEqual([6, 0, false, []]);
  expect([...machine.programs()]).toEqual(["sshd", "kthreadd"]);
  expect([machine.showsAllPrograms(), machineWith({ "/proc/2/comm": "sh" }).showsAllPrograms()]).toEqual([true, false]);
});

test("a file is read up to a limit, and a link in a circle is nothing", () => {
  const machine = machineWith({ "/long": "x".repeat(1_000_000) });
  expect(machine.text("/long")).toHaveLength(256 * 1024);
  mkdirSync(machine.path("/etc"));
  symlinkSync("circle", machine.path("/etc/circle"));
  expect(machine.text("/etc/circle")).toBeUndefined();
});
