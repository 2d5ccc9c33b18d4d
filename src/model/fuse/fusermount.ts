import { existsSync } from "node:fs";
import { CaiError, closeDescriptor, receiveDescriptor, socketPair } from "../../system/index.ts";

/** Where distributions put the set-uid program that mounts FUSE file systems for users. Only these: a search path could be steered. */
const PLACES = ["/usr/bin/fusermount3", "/bin/fusermount3"];

/** The number that the program finds its socket at, named by `_FUSE_COMMFD`. */
const SOCKET = 3;

/** @returns the path of fusermount3, undefined where it is not installed */
export function findHelper(): string | undefined {
  return PLACES.find((path) => existsSync(path));
}

/**
 * Lets fusermount3 mount.
 *
 * @param options  mount options, as fusermount3 spells them
 * @returns the descriptor of the FUSE device that belongs to the mount
 * @throws CaiError `model.mount-failed` with what it said
 */
export async function mountByHelper(helper: string, path: string, options: readonly string[]): Promise<number> {
  const [ours, theirs] = socketPair();
  try {
    const child = Bun.spawn([helper, "-o", options.join(","), "--", path], {
      stdio: ["ignore", "ignore", "pipe", theirs],
      env: { _FUSE_COMMFD: String(SOCKET) },
    });
    const [said, code] = await Promise.all([new Response(child.stderr).text(), child.exited]);
    const device = code === 0 ? receiveDescriptor(ours) : undefined;
    if (device === undefined) throw refused(`${path} could not be mounted`, said, code);
    return device;
  } finally {
    closeDescriptor(ours);
    closeDescriptor(theirs);
  }
}

/** Lets fusermount3 unmount, at once where nothing is open, else when the last file is closed. @throws CaiError `model.mount-failed` */
export function unmountByHelper(helper: string, path: string): void {
  const { exitCode, stderr } = Bun.spawnSync([helper, "-u", "-z", "--", path], { stdio: ["ignore", "ignore", "pipe"], env: {} });
  if (exitCode !== 0) throw refused(`${path} could not be unmounted`, stderr.toString(), exitCode);
}

function refused(message: string, said: string, code: number): CaiError {
  return new CaiError("model.mount-failed", message, { got: said.trim() || `fusermount3 ended with ${code}` });
}
