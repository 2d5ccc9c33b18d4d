import { activeSwap } from "../../../system/index.ts";
import { type Finding, found, ok } from "../finding.ts";
import type { Machine } from "../machine.ts";

/** Whether plaintext in memory can get to a disk: by swap, by core files, by hibernation (security.md I30). */
export function memory(machine: Machine): Finding[] {
  return [swap(machine), coreFiles(machine)];
}

function swap(machine: Machine): Finding {
  const table = machine.text("/proc/swaps");
  if (table === undefined) return unseen("memory.swap", "whether memory is swapped to a disk");
  const areas = activeSwap(table);
  if (areas.length === 0) return ok("memory.swap", "nothing is swapped to a disk");
  return found(
    "warning",
    "memory.swap",
    `memory is swapped to ${areas.join(", ")}, so plaintext can get to a disk: mounts are refused`,
    "swapoff -a",
  );
}

function coreFiles(machine: Machine): Finding {
  const pattern = machine.text("/proc/sys/kernel/core_pattern");
  const id = "memory.core-files";
  if (pattern === undefined) return unseen(id, "where the memory of crashed programs goes");
  if (pattern === "") return ok(id, "programs that crash leave no core file");
  // cai writes none itself; the programs that read a mounted model are not its own.
  const where = pattern.startsWith("|") ? `handed to ${pattern.slice(1).split(" ")[0]}` : `written as ${JSON.stringify(pattern)}`;
  const message = `the memory of crashed programs is ${where}: that of cai never, that of whatever reads a mounted model may be`;
  return found("warning", id, message, "sysctl -w kernel.core_pattern= fs.suid_dumpable=0, or LimitCORE=0 in the unit of the model server");
}

const unseen = (id: Finding["id"], what: string): Finding =>
  found("warning", id, `${what} cannot be seen from here`, "mount -t proc proc /proc");
