import { closeSync, constants, fstatSync, openSync, readFileSync } from "node:fs";
import { z } from "zod";
import { decodeBase64, encodeBase64 } from "../../../crypto/index.ts";
import { CaiError, tryLock, writeWholeFile } from "../../../system/index.ts";
import { REGISTER_INDEXES } from "../../eventlog/index.ts";
import { hexField } from "../document-fields.ts";
import { SEED_SIZE } from "./platform.ts";
import { isConsistent, type SimulatedTd } from "./td.ts";

const MAX_STATE = 1024 * 1024;
/** How long another process may take to write the state: many times what it takes, in pauses between attempts. */
const LOCK_ATTEMPTS = 2000;
const LOCK_PAUSE_MS = 5;

const base64Field = z.string().transform((text, context) => {
  try {
    return decodeBase64(text);
  } catch {
    context.addIssue({ code: "custom", message: "expected base64" });
    return z.NEVER;
  }
});

const common = {
  kind: z.literal("cai simulated TD"),
  seed: hexField(SEED_SIZE),
  created: z.int().min(0),
  quote_version: z.union([z.literal(4), z.literal(5)]),
  mr_td: hexField(48),
  rtmrs: z.array(hexField(48)).length(REGISTER_INDEXES.length),
  mr_config_id: hexField(48),
  td_attributes: hexField(8),
};

// Version 1 has no event log.
const stateSchema = z
  .discriminatedUnion("version", [
    z.strictObject({ ...common, version: z.literal(1) }),
    z.strictObject({ ...common, version: z.literal(2), boot_log: base64Field, runtime_log: base64Field }),
  ])
  .transform(
    (state): SimulatedTd => ({
      seed: state.seed,
      created: state.created,
      quoteVersion: state.quote_version,
      mrTd: state.mr_td,
      rtmrs: state.rtmrs,
      mrConfigId: state.mr_config_id,
      tdAttributes: state.td_attributes,
      log: state.version === 2 ? { boot: state.boot_log, runtime: state.runtime_log } : undefined,
    }),
  );

/** Writes the state to a file that only its owner can read; another process sees the old file or the new one, never a part. */
export function saveSimulatedTd(path: string, td: SimulatedTd): void {
  const text = JSON.stringify(
    {
      kind: "cai simulated TD",
      version: td.log === undefined ? 1 : 2,
      seed: td.seed.toHex(),
      created: td.created,
      quote_version: td.quoteVersion,
      mr_td: td.mrTd.toHex(),
      rtmrs: td.rtmrs.map((rtmr) => rtmr.toHex()),
      mr_config_id: td.mrConfigId.toHex(),
      td_attributes: td.tdAttributes.toHex(),
      ...(td.log !== undefined && { boot_log: encodeBase64(td.log.boot), runtime_log: encodeBase64(td.log.runtime) }),
    },
    null,
    2,
  );
  writeWholeFile(path, `${text}\n`, { mode: 0o600 });
}

/**
 * Changes the state of a machine that other processes may change at the same time: one after the other, and none sees half a change. A process that
 * ends in the middle leaves the old state, and no lock.
 *
 * @param change    from the state as it is to the state as it shall be; what it throws leaves the file as it was
 * @param attempts  how often to try for the lock
 * @returns the new state
 * @throws CaiError `tdx.simulated-state-busy` where another process holds the lock all the time; what {@link loadSimulatedTd} and
 *                  {@link saveSimulatedTd} throw
 */
export async function updateSimulatedTd(
  path: string,
  change: (td: SimulatedTd) => SimulatedTd,
  attempts: number = LOCK_ATTEMPTS,
): Promise<SimulatedTd> {
  // What is no machine gets no lock beside it.
  loadSimulatedTd(path);
  const lock = await takeLock(path, attempts);
  try {
    const td = change(loadSimulatedTd(path));
    saveSimulatedTd(path, td);
    return td;
  } finally {
    closeSync(lock);
  }
}

/**
 * The lock is on a file beside the state, for the state's own is another one after each change. The kernel lets go of it when it is closed, also by
 * the end of the process.
 */
async function takeLock(path: string, attempts: number): Promise<number> {
  const file = openLock(path);
  try {
    for (let left = attempts; left > 0; left--) {
      if (tryLock(file)) return file;
      await Bun.sleep(LOCK_PAUSE_MS);
    }
  } catch (cause) {
    closeSync(file);
    throw cause;
  }
  closeSync(file);
  throw new CaiError("tdx.simulated-state-busy", `another process keeps ${path} locked`);
}

/** A pipe in its place would be waited for without end, and a link would lock, or make, a file elsewhere. */
function openLock(path: string): number {
  const { O_RDWR, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = constants;
  try {
    const file = openSync(`${path}.lock`, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o600);
    if (fstatSync(file).isFile()) return file;
    closeSync(file);
    throw new Error("the lock beside it is no file");
  } catch (cause) {
    throw new CaiError("cli.output-failed", `cannot lock ${path}: ${cause instanceof Error ? cause.message : cause}`, { cause });
  }
}

/**
 * Reads a state that `saveSimulatedTd` wrote.
 *
 * @throws CaiError `cli.input-unreadable` where the file cannot be read, `tdx.simulated-state-invalid` where others than its owner may read it, or its
 *                  content is something else
 */
export function loadSimulatedTd(path: string): SimulatedTd {
  const text = readPrivate(path);
  let td: SimulatedTd;
  try {
    td = stateSchema.parse(JSON.parse(text));
  } catch (cause) {
    // The parser's own message would quote the text, and the seed with it.
    const issue = cause instanceof z.ZodError ? cause.issues[0] : undefined;
    const got = issue === undefined ? "text that is no JSON" : `another value at /${issue.path.join("/")}`;
    throw invalid(path, "the state of a simulated TD", got);
  }
  if (!isConsistent(td)) throw invalid(path, "an event log that leads to the registers", "another one");
  return td;
}

function readPrivate(path: string): string {
  let file: number;
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (cause) {
    throw new CaiError("cli.input-unreadable", `cannot read ${path}`, {
      got: (cause as NodeJS.ErrnoException).code ?? String(cause),
      cause,
    });
  }
  try {
    const status = fstatSync(file);
    if (!status.isFile() || status.size > MAX_STATE) throw invalid(path, `a file of at most ${MAX_STATE} bytes`, "something else");
    const mode = status.mode & 0o777;
    if ((mode & 0o077) !== 0) throw invalid(path, "mode 0600", `mode 0${mode.toString(8)}`);
    return readFileSync(file, "utf8");
  } finally {
    closeSync(file);
  }
}

function invalid(path: string, expected: string, got: string): CaiError {
  return new CaiError("tdx.simulated-state-invalid", `${path}: expected ${expected}, got ${got}`, { expected, got });
}
