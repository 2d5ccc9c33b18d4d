import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

/** The compiled executable under test. */
export const CAI = resolve(process.env["CAI_BIN"] ?? "dist/cai");
if (!existsSync(CAI)) throw new Error(`${CAI} is not there: run scripts/build first`);

export const isRoot = process.getuid?.() === 0;
export const hasFuse = isRoot && existsSync("/dev/fuse");

export interface Ended {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Options {
  readonly cwd?: string;
  readonly env?: Record<string, string>;
  /** the user to run as; needs root */
  readonly uid?: number;
}

const BASE_ENV = Object.fromEntries(
  ["PATH", "HOME", "TMPDIR"].flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])),
) as Record<string, string>;

function command(args: readonly string[], { uid }: Options): string[] {
  return [...(uid === undefined ? [] : asUser(uid)), CAI, ...args];
}

/** The words before a command that run it as another user, without that user's groups. */
export function asUser(uid: number): string[] {
  return ["setpriv", `--reuid=${uid}`, `--regid=${uid}`, "--clear-groups"];
}

/** Runs the executable to its end. */
export async function cai(args: readonly string[], options: Options = {}): Promise<Ended> {
  const child = Bun.spawn(command(args, options), {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    env: { ...BASE_ENV, ...options.env },
    ...(options.cwd && { cwd: options.cwd }),
  });
  const [stdout, stderr, status] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited]);
  return { status, stdout, stderr };
}

/** Runs the executable with `--json` and reads what it printed. @throws where it did not end with 0 */
export async function caiJson(args: readonly string[], options: Options = {}): Promise<Record<string, unknown>> {
  const ended = await cai([...args, "--json"], options);
  if (ended.status !== 0) throw new Error(`cai ${args.join(" ")} ended with ${ended.status}: ${ended.stderr}`);
  return JSON.parse(ended.stdout) as Record<string, unknown>;
}

/** Runs the executable with `--json` and reads the error it printed. */
export async function caiError(
  args: readonly string[],
  options: Options = {},
): Promise<{ status: number; id: string; message: string; stdout: string; error: Record<string, unknown> }> {
  const ended = await cai([...args, "--json"], options);
  const line = ended.stderr
    .trimEnd()
    .split("\n")
    .findLast((text) => text.startsWith('{"error"'));
  const error = line ? (JSON.parse(line) as { error: Record<string, unknown> }).error : {};
  return { status: ended.status, id: String(error["id"]), message: String(error["message"]), stdout: ended.stdout, error };
}

export interface Started {
  readonly pid: number;
  readonly ready: Record<string, unknown>;
  /** what it has written to standard error so far */
  readonly log: () => string;
  kill(signal: NodeJS.Signals): Promise<number>;
}

const started = new Set<Started>();

/** Starts the executable and waits for the JSON line that says it is ready. */
export async function start(args: readonly string[], options: Options = {}): Promise<Started> {
  const child = Bun.spawn(command([...args, "--json"], options), {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    env: { ...BASE_ENV, ...options.env },
    ...(options.cwd && { cwd: options.cwd }),
  });
  let log = "";
  const reading = (async () => {
    const decoder = new TextDecoder();
    for await (const part of child.stderr) log += decoder.decode(part, { stream: true });
  })();
  let line = "";
  const decoder = new TextDecoder();
  for await (const part of child.stdout) {
    line += decoder.decode(part, { stream: true });
    if (line.includes("\n")) break;
  }
  if (!line.includes("\n")) {
    const status = await child.exited;
    await reading;
    throw new Error(`cai ${args.join(" ")} ended with ${status}: ${log}`);
  }
  const running: Started = {
    pid: child.pid,
    ready: JSON.parse(line) as Record<string, unknown>,
    log: () => log,
    kill: async (signal) => {
      started.delete(running);
      child.kill(signal);
      const status = await child.exited;
      await reading;
      return status;
    },
  };
  started.add(running);
  return running;
}

/** Ends what a test left running, latest first. */
export async function stopAll(): Promise<void> {
  for (const running of [...started].reverse()) await running.kill("SIGTERM");
}

/** A new empty folder; `memory` puts it in memory-backed storage where there is one. */
export function scratch(memory = false): string {
  const base = memory && existsSync("/dev/shm") ? "/dev/shm" : tmpdir();
  return mkdtempSync(join(base, "cai-test-"));
}

export function removeScratch(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
}
