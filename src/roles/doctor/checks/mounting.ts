import { type Finding, found, ok } from "../finding.ts";
import type { Machine } from "../machine.ts";

/** Whether this process could mount by FUSE, and why not. */
export type FuseState = { readonly available: boolean; readonly why?: string };

const HELPER = "/usr/bin/fusermount3";

/** Whether models can be mounted, by this user and by others. */
export function mounting(machine: Machine, fuse: FuseState): Finding[] {
  const helper = machine.exists(HELPER)
    ? ok("mount.fusermount", "fusermount3 is installed, so users other than root can mount")
    : found(
        "info",
        "mount.fusermount",
        "fusermount3 is not installed, so only root can mount",
        "apt-get install fuse3, or dnf install fuse3",
      );
  if (fuse.available) return [ok("mount.fuse", "models can be mounted by FUSE"), helper];
  const mend = machine.exists("/dev/fuse") ? "run as root, or install fuse3" : "modprobe fuse, or cai agent mount --mode tmpfs";
  return [found("warning", "mount.fuse", `models cannot be mounted by FUSE: ${fuse.why ?? "no reason is known"}`, mend), helper];
}
