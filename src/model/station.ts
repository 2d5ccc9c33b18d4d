import { parentPort } from "node:worker_threads";
import { CaiError } from "../system/index.ts";

/** What does jobs one after another, in a Worker or on the calling thread. */
export interface Station<Job, Result> {
  run(job: Job): Promise<Result>;
  /** Wipes keys and closes files. */
  end(): Promise<void>;
}

/** Makes a station. @param progress  takes the bytes done since it was last called */
export type OpenStation<Setup, Job, Result> = (setup: Setup, progress: (bytes: number) => void) => Promise<Station<Job, Result>>;

export type Request<Setup, Job> = { readonly setup: Setup } | { readonly job: Job } | { readonly end: true };

export type Reply<Result> =
  | { readonly ready: true }
  | { readonly result: Result }
  | { readonly error: ReturnType<CaiError["toJSON"]> }
  | { readonly ended: true };

/** What a Worker says: an answer to its one open request, or progress between. */
export type Report<Result> = Reply<Result> | { readonly progress: number };

/** Runs a station in this Worker: the whole program of a `*-worker.ts` file. */
export function serveStation<Setup, Job, Result>(open: OpenStation<Setup, Job, Result>): void {
  const port = parentPort;
  if (port === null) throw new Error("a station is served in a Worker only");
  const report = (message: Report<Result>) => port.postMessage(message);
  let station: Station<Job, Result> | undefined;

  const answer = async (request: Request<Setup, Job>): Promise<Reply<Result>> => {
    if ("setup" in request) {
      station = await open(request.setup, (progress) => report({ progress }));
      return { ready: true };
    }
    if ("job" in request) return { result: await station!.run(request.job) };
    await station?.end();
    return { ended: true };
  };
  port.on("message", (request: Request<Setup, Job>) => {
    answer(request).then(report, (error) => report({ error: CaiError.from(error).toJSON() }));
  });
}
