import { constants, readFileSync } from "node:fs";
import { closeDescriptor, openDevice, SystemError } from "../../system/index.ts";
import { findHelper } from "./fusermount.ts";

/** The device that a file system's server talks to the kernel through. */
export const FUSE_DEVICE = "/dev/fuse";

/** Bit of CAP_SYS_ADMIN, which mount(2) asks for (capabilities(7)). */
const CAP_SYS_ADMIN = 21n;

/** Whether this process can mount by FUSE, and if not, why, in words for the user. */
export function fuseAvailable(): { readonly available: boolean; readonly why?: string } {
  try {
    closeDescriptor(openDevice(FUSE_DEVICE, constants.O_RDWR));
  } catch (error) {
    return { available: false, why: deviceProblem(error) };
  }
  if (hasMountRight() || findHelper() !== undefined) return { available: true };
  return {
    available: false,
    why: "this process may not mount: it lacks CAP_SYS_ADMIN (run it as root, or give the container that capability), and fusermount3 is not installed",
  };
}

/** Whether this process may call mount(2) itself. */
export function hasMountRight(): boolean {
  return mayMount(readFileSync("/proc/self/status", "utf8"));
}

/** @param status  the text of /proc/self/status */
export function mayMount(status: string): boolean {
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1];
  return effective !== undefined && ((BigInt(`0x${effective}`) >> CAP_SYS_ADMIN) & 1n) === 1n;
}

function deviceProblem(error: unknown): string {
  const code = error instanceof SystemError ? error.code : String(error);
  switch (code) {
    case "ENOENT":
      return `${FUSE_DEVICE} does not exist (modprobe fuse, or give the container that device)`;
    case "EACCES":
    case "EPERM":
      return `this user may not open ${FUSE_DEVICE}`;
    case "ENODEV":
    case "ENXIO":
      return "the kernel has no FUSE (modprobe fuse)";
    default:
      return `${FUSE_DEVICE} cannot be opened: ${code}`;
  }
}
