import { closeSync, openSync, readFileSync } from "node:fs";
import { CaiError, type JsonObject, selfCommand } from "../../system/index.ts";

/** What a finished run of `cai` left. */
export interface Finished {
  readonly status: number;
  /** the JSON document on standard output; empty where there is none */
  readonly result: JsonObject;
  /** the id of the error, where it failed */
  readonly errorId: string | undefined;
  /** the whole error object as printed */
  readonly error: JsonObject | undefined;
}

/** A run of `cai` that goes on: a trustee, a mount. */
export interface Running {
  readonly pid: number;
  /** the JSON document that it printed when ready */
  readonly ready: JsonObject;
  /** what it has written to standard error so far */
  log(): string;
  /** Ends it by SIGTERM. @returns its exit status */
  stop(): Promise<number>;
}

const READY_TIMEOUT_MS = 60_000;
/** Long enough to encrypt a large model. */
const RUN_TIMEOUT_MS = 6 * 3600 * 1000;

/** Starts `cai` as a user would, in processes of their own whose logs are kept in files. */
export class Program {
  readonly #logFolder: string;
  readonly #temporary: string;
  readonly #running = new Set<Running>();
  readonly pids: number[] = [];
  #count = 0;

  /**
   * @param logFolder  where standard error of each run goes
   * @param temporary  the folder for temporary files that runs are given
   */
  constructor(logFolder: string, temporary: string) {
    this.#logFolder = logFolder;
    this.#temporary = temporary;
  }

  /** Runs `cai` with `--json` to its end. */
  async run(...args: string[]): Promise<Finished> {
    const { process: child, log } = this.#spawn(args, "pipe");
    const timeout = setTimeout(() => child.kill("SIGKILL"), RUN_TIMEOUT_MS);
    const output = await new Response(child.stdout as ReadableStream).text();
    const status = await child.exited;
    clearTimeout(timeout);
    const error = errorOf(readFileSync(log, "utf8"));
    return { status, result: parseObject(output) ?? {}, errorId: typeof error?.["id"] === "string" ? error["id"] : undefined, error };
  }

  /**
   * Runs `cai` with `--json` to its end, where failure would end the story.
   *
   * @throws CaiError `demo.step-failed` with the error that the run printed
   */
  async mustRun(...args: string[]): Promise<JsonObject> {
    const finished = await this.run(...args);
    if (finished.status === 0) return finished.result;
    throw stepFailed(args, finished.status, finished.error);
  }

  /** Starts `cai` with `--json` and waits until it has printed that it is ready. */
  async start(...args: string[]): Promise<Running> {
    const { process: child, log } = this.#spawn(args, "pipe");
    const timeout = setTimeout(() => child.kill("SIGKILL"), READY_TIMEOUT_MS);
    const line = await firstLine(child.stdout as ReadableStream<Uint8Array>);
    clearTimeout(timeout);
    const ready = parseObject(line);
    if (ready === undefined) throw stepFailed(args, await child.exited, errorOf(readFileSync(log, "utf8")));
    const running: Running = {
      pid: child.pid,
      ready,
      log: () => readFileSync(log, "utf8"),
      stop: async () => {
        this.#running.delete(running);
        child.kill("SIGTERM");
        return await child.exited;
      },
    };
    this.#running.add(running);
    return running;
  }

  /** Ends whatever still runs. */
  async stopAll(): Promise<void> {
    for (const running of [...this.#running].reverse()) await running.stop();
  }

  #spawn(args: readonly string[], stdout: "pipe") {
    const log = `${this.#logFolder}/${String(++this.#count).padStart(2, "0")}-${args
      .slice(0, 2)
      .join("-")
      .replaceAll(/[^\w-]/g, "_")}.log`;
    const file = openSync(log, "wx", 0o600);
    const child = Bun.spawn([...selfCommand(), ...args, "--json"], {
      stdin: "ignore",
      stdout,
      stderr: file,
      env: childEnvironment(this.#temporary),
    });
    closeSync(file);
    this.pids.push(child.pid);
    return { process: child, log };
  }
}

/** Children get no `CAI_*` settings of the caller: the demo says everything on the command line. */
function childEnvironment(temporary: string): Record<string, string> {
  const kept = ["PATH", "HOME", "LANG", "XDG_RUNTIME_DIR"];
  const inherited = kept.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]]));
  return { ...Object.fromEntries(inherited), TMPDIR: temporary };
}

async function firstLine(stream: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const part of stream) {
    text += decoder.decode(part, { stream: true });
    if (text.includes("\n")) break;
  }
  return text.split("\n")[0] ?? "";
}

function parseObject(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : undefined;
  } catch {
    return undefined;
  }
}

function errorOf(log: string): JsonObject | undefined {
  for (const line of log.trimEnd().split("\n").reverse()) {
    const error = parseObject(line)?.["error"];
    if (typeof error === "object" && error !== null) return error as JsonObject;
  }
  return undefined;
}

function stepFailed(args: readonly string[], status: number, error: JsonObject | undefined): CaiError {
  return new CaiError("demo.step-failed", `\`cai ${args.slice(0, 2).join(" ")} …\` ended with ${status}`, {
    got: error ? `${String(error["id"])}: ${String(error["message"])}` : "no error text",
  });
}
