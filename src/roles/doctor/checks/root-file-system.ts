import { type Finding, found, ok } from "../finding.ts";
import type { Machine } from "../machine.ts";

/** Words of a measured command line that name the hash of the root file system (security.md §1.4); that of `/usr` alone leaves `/etc` open. */
const ROOT_HASH = /(?:^|\s)(?:roothash|fde_rootfs_hash|cryptpilot\.rootfs_hash|verity_root_hash)=[0-9a-f]{64,128}(?=\s|$)/;

/** Whether what runs is what was measured: a root file system on dm-verity, whose hash stands in the measured command line. */
export interface RootFileSystem {
  readonly protected: boolean;
  readonly findings: readonly Finding[];
}

/** Looks at the command line, and at the device that the root folder is on. */
export function rootFileSystem(machine: Machine): RootFileSystem {
  const id = "system.root-integrity";
  const named = ROOT_HASH.test(machine.text("/proc/cmdline") ?? "");
  const verity = onVerity(machine);
  if (named && verity) {
    return { protected: true, findings: [ok(id, "the root file system is on dm-verity, and the command line names its hash")] };
  }
  const got = verity
    ? "is on dm-verity, but the command line does not name its hash"
    : named
      ? "has its hash in the command line, but is not on dm-verity"
      : "is not integrity-protected: whoever can write the disk can replace any program, cai too";
  const mend = "build an image with a dm-verity root whose hash is in the measured command line, for example a unified kernel image";
  return { protected: false, findings: [found("warning", id, `the root file system ${got}`, mend)] };
}

function onVerity(machine: Machine): boolean {
  const line = (machine.text("/proc/self/mountinfo") ?? "").split("\n").findLast((row) => row.split(" ")[4] === "/");
  const device = line?.split(" ")[2];
  if (device === undefined || !/^\d+:\d+$/.test(device)) return false;
  return (machine.text(`/sys/dev/block/${device}/dm/uuid`) ?? "").startsWith("CRYPT-VERITY-");
}
