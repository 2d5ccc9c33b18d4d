import { constants, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { negotiate } from "../../../../../src/model/fuse/init.ts";
import { fuseAvailable } from "../../../../../src/model/index.ts";
import {
  closeDescriptor,
  MountFlag,
  mountFilesystem,
  openDevice,
  PinnedMemory,
  readDescriptor,
  UnmountFlag,
  unmountFilesystem,
  writeDescriptor,
} from "../../../../../src/system/index.ts";
import { type TdxPaths, tdxPaths } from "../../../../../src/tee/tdx/index.ts";
import { Faults } from "./faults.ts";
import type { ServeOrder, ServeReport } from "./guest-kernel-worker.ts";
import type { GuestFiles } from "./guest-tree.ts";

const { available, why } = fuseAvailable();

/** Whether a fake kernel can be shown; where not, its tests are skipped, and this says why, once a file. */
export const canMount = available && process.getuid?.() === 0;
if (!canMount) console.warn(`tests with a fake kernel are skipped: ${why ?? "they need root"}`);

/** The kernel interfaces of a TDX guest, shown through a real mount (FUSE), so that any process can use them as it would use the kernel's own. */
export class GuestKernel {
  /** the folder that stands for the machine's root */
  readonly root: string;
  readonly paths: TdxPaths;
  readonly faults: Faults;
  /** what was asked of it, in order */
  readonly steps: string[] = [];
  readonly #folder: string;
  readonly #worker: Worker;
  readonly #ended = Promise.withResolvers<number>();
  readonly #waiting = new Map<string, () => void>();

  private constructor(folder: string, root: string, faults: Faults, worker: Worker) {
    this.#folder = folder;
    this.root = root;
    this.paths = tdxPaths(root);
    this.faults = faults;
    this.#worker = worker;
    worker.onmessage = ({ data }: MessageEvent<ServeReport>) => {
      if ("ended" in data) return this.#ended.resolve(data.ended);
      this.steps.push(data.step);
      this.#waiting.get(data.step)?.();
    };
  }

  static start(files: GuestFiles = {}, rtmrs?: readonly Uint8Array[]): GuestKernel {
    const folder = mkdtempSync(join(tmpdir(), "cai-guest-"));
    const root = join(folder, "root");
    mkdirSync(root);
    const device = openDevice("/dev/fuse", constants.O_RDWR);
    mountFilesystem({
      source: "cai-fake-guest",
      target: root,
      type: "fuse",
      flags: MountFlag.noSuid | MountFlag.noDev | MountFlag.noExec,
      data: `fd=${device},rootmode=40000,user_id=0,group_id=0,default_permissions,allow_other`,
    });
    greet(device);
    const faults = new Faults();
    const worker = new Worker(new URL("./guest-kernel-worker.ts", import.meta.url).href);
    const kernel = new GuestKernel(folder, root, faults, worker);
    worker.postMessage({ device, faults: faults.memory, files, rtmrs } satisfies ServeOrder);
    kernel.#ended.promise.then(() => closeDescriptor(device));
    return kernel;
  }

  /** When `step` is next asked for. */
  next(step: string): Promise<void> {
    return new Promise((resolve) => this.#waiting.set(step, resolve));
  }

  async stop(): Promise<void> {
    this.faults.clear();
    unmountFilesystem(this.root, UnmountFlag.force | UnmountFlag.detach);
    await this.#ended.promise;
    this.#worker.terminate();
    rmSync(this.#folder, { recursive: true });
  }
}

/** Answers the kernel's first request, as the model's server does. */
function greet(device: number): void {
  const memory = new PinnedMemory(64 * 1024);
  const length = readDescriptor(device, memory);
  const negotiated = negotiate(memory.bytes.subarray(0, length));
  if (negotiated === undefined) throw new Error("the kernel's FUSE protocol is too old for the fake");
  memory.bytes.set(negotiated.reply);
  writeDescriptor(device, memory, negotiated.reply.length);
}
