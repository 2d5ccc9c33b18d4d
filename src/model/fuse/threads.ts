import { CaiError, Errno, errnoName, startWorker } from "../../system/index.ts";
import type { ReadFailure } from "./file-reader.ts";
import type { Report, Serve, Setup } from "./fuse-worker.ts";

export interface ThreadsOptions {
  readonly setup: Omit<Setup, "kind" | "lane">;
  /** once for each block: the kernel asks again, page by page, for what was refused */
  readonly onFailedRead: (path: string, chunk: number, why: ReadFailure) => void;
  readonly onFault: (message: string) => void;
}

/** The most refused blocks that are told one by one. An artefact that is damaged everywhere would fill memory with them. */
const MOST_TOLD = 10_000;

/** The threads of one mount. Each blocks in read(2) on a descriptor of its own, so the caller's thread stays free. */
export class FuseThreads {
  readonly #workers: readonly Worker[];
  readonly #options: ThreadsOptions;
  readonly #told = new Set<string>();

  private constructor(workers: readonly Worker[], options: ThreadsOptions) {
    this.#workers = workers;
    this.#options = options;
  }

  /** Starts the threads and waits until each has built the tree. @throws CaiError `model.mount-failed` */
  static async start(count: number, options: ThreadsOptions): Promise<FuseThreads> {
    const workers = Array.from({ length: count }, () => startWorker("model/fuse/fuse-worker.ts"));
    const threads = new FuseThreads(workers, options);
    try {
      await Promise.all(workers.map((worker, lane) => threads.#prepare(worker, lane)));
    } catch (cause) {
      await threads.stop();
      throw new CaiError("model.mount-failed", "a thread of the file system could not be started", { cause });
    }
    return threads;
  }

  /**
   * Lets the threads answer requests.
   *
   * @param devices  one descriptor a thread
   * @param onDied   called where a thread ends although the mount does not: what it has or would have read is not answered
   * @returns when all have ended
   */
  async serve(onDied: () => void, devices: readonly number[], { noOpen, noOpendir }: Omit<Serve, "kind" | "device">): Promise<void> {
    const ended = this.#workers.map((worker, lane) =>
      this.#ended(worker, onDied, { kind: "serve", device: devices[lane] ?? -1, noOpen, noOpendir }),
    );
    await Promise.all(ended);
  }

  /** Ends the threads. One that is blocked in the kernel ends when its descriptor's mount does. */
  async stop(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }

  #prepare(worker: Worker, lane: number): Promise<void> {
    return new Promise((resolve, reject) => {
      worker.onmessage = ({ data }: MessageEvent<Report>) => {
        if (data.kind === "ready") resolve();
      };
      worker.onerror = (event) => reject(new Error(event.message));
      const setup: Setup = { kind: "setup", ...this.#options.setup, lane };
      worker.postMessage(setup);
    });
  }

  #ended(worker: Worker, onDied: () => void, order: Serve): Promise<void> {
    return new Promise((resolve) => {
      worker.onmessage = ({ data }: MessageEvent<Report>) => {
        if (data.kind === "failed-read") this.#tell(data.path, data.chunk, data.why);
        else if (data.kind === "fault") this.#options.onFault(data.message);
        else if (data.kind === "ended") {
          if (data.errno !== Errno.ENODEV && data.errno !== Errno.ECONNABORTED) {
            this.#options.onFault(`reading requests: ${errnoName(data.errno)}`);
            onDied();
          }
          resolve();
        }
      };
      worker.onerror = (event) => {
        this.#options.onFault(event.message);
        onDied();
        resolve();
      };
      worker.postMessage(order);
    });
  }

  #tell(path: string, chunk: number, why: ReadFailure): void {
    const name = `${chunk}/${path}`;
    if (this.#told.has(name) || this.#told.size >= MOST_TOLD) return;
    this.#told.add(name);
    this.#options.onFailedRead(path, chunk, why);
  }
}
