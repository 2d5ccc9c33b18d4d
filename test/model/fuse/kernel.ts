import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fuseAvailable, type Mount } from "../../../src/model/index.ts";

const { available, why } = fuseAvailable();

/** Whether tests can mount; where they cannot, they are skipped and this says why, once a file. */
export const kernel = available;
if (!available) console.warn(`tests with a real mount are skipped: ${why}`);

export interface Output {
  readonly code: number;
  readonly out: Buffer;
  readonly err: string;
}

/** Runs a program that uses the mount. The thread of the tests must not wait for it in the kernel, so this waits in the event loop. */
export async function run(command: readonly string[]): Promise<Output> {
  const child = Bun.spawn([...command], { stdout: "pipe", stderr: "pipe" });
  const [out, err, code] = await Promise.all([new Response(child.stdout).arrayBuffer(), new Response(child.stderr).text(), child.exited]);
  return { code, out: Buffer.from(out), err };
}

/** Runs code in a process of its own; `args` are in `process.argv` from 1 on. What it awaits, it may await at the top. */
export function script(code: string, ...args: string[]): Promise<Output> {
  return run([process.execPath, "-e", code, ...args]);
}

/** A folder for one test file, with mount points below it; the mounts made there are taken down at the end. */
export class Workbench {
  readonly folder = mkdtempSync(join(tmpdir(), "fuse-"));
  readonly #mounts: Mount[] = [];
  readonly #children: { readonly child: Bun.Subprocess; readonly mountpoint: string }[] = [];

  mountpoint(name: string): string {
    const path = join(this.folder, name);
    mkdirSync(path, { recursive: true });
    return path;
  }

  file(name: string): string {
    return join(this.folder, name);
  }

  async keep(mount: Promise<Mount>): Promise<Mount> {
    const made = await mount;
    this.#mounts.push(made);
    return made;
  }

  /** Takes charge of a server in another process: whatever a failed test leaves of it goes at the end. */
  adopt(child: Bun.Subprocess, mountpoint: string): void {
    this.#children.push({ child, mountpoint });
  }

  async end(): Promise<void> {
    for (const mount of this.#mounts) await mount.unmount();
    for (const { child, mountpoint } of this.#children) {
      child.kill("SIGKILL");
      await child.exited;
      // Fails where the test has unmounted already, which is how it should be.
      await run(["umount", "--lazy", mountpoint]);
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}
