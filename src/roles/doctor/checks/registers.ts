import { accessSync, constants } from "node:fs";
import { join } from "node:path";
import { CaiError, catalogue } from "../../../system/index.ts";
import { parseEventLog, replayEventLog, SHA384 } from "../../../tee/eventlog/index.ts";
import type { TdxAttester, TdxPaths } from "../../../tee/tdx/index.ts";
import { type Finding, found, ok } from "../finding.ts";

const REGISTERS = [0, 1, 2, 3] as const;

/** Whether the measurement registers can be read and extended, and whether the event log explains what they hold. Nothing is extended for that. */
export async function registers(attester: TdxAttester, { sysfsMeasurements }: TdxPaths): Promise<Finding[]> {
  const values = await attempt("registers.read", "the measurement registers cannot be read", () =>
    Promise.all(REGISTERS.map((register) => attester.rtmrs.read(register))),
  );
  const log = await attempt("log.boot", "the event log of this boot cannot be read", () => attester.eventLog());
  const read = "value" in values ? ok("registers.read", "the measurement registers can be read") : values.finding;
  return [read, await extendable(attester, sysfsMeasurements), ...logFindings(log, "value" in values ? values.value : undefined)];
}

async function extendable(attester: TdxAttester, folder: string): Promise<Finding> {
  const id = "registers.extend";
  try {
    accessSync(join(folder, "rtmr3:sha384"), constants.W_OK);
    return ok(id, "register 3 can be extended, so what happens at run time can be measured");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
    if (code !== "ENOENT" && code !== "ENOTDIR")
      return found("warning", id, `register 3 cannot be extended: ${code}`, "run as root, with /sys writable");
    if ((await attester.device()) === undefined) {
      return found(
        "warning",
        id,
        "no register can be extended, so what happens at run time is not measured",
        "install Linux 6.16 or later",
      );
    }
    const message = "this kernel has no register files; whether its guest device extends registers shows only when it is done";
    return found("info", id, message, "install Linux 6.16 or later");
  }
}

function logFindings(log: Attempt<Uint8Array | undefined>, values: readonly Uint8Array[] | undefined): Finding[] {
  const id = "log.boot";
  if ("finding" in log) return [log.finding];
  if (log.value === undefined) {
    const message = "firmware announces no event log, so verifiers can compare register values only";
    return [found("info", id, message, "use an image whose firmware writes a CCEL table")];
  }
  const parsed = parseEventLog(log.value);
  const present = ok(id, `there is an event log with ${parsed.events.length} records`);
  if (values === undefined) return [present];
  const replayed = replayEventLog(parsed, SHA384);
  // The log's own numbers are one more than the registers'.
  const other = REGISTERS.filter((register) => !Buffer.from(replayed.get(register + 1) ?? []).equals(values[register]!));
  if (other.length === 0) return [present, ok("log.replays", "the event log replays to the measurement registers")];
  const names = other.map((register) => `RTMR${register}`).join(", ");
  const message = `the event log does not replay to ${names}: verifiers will refuse it`;
  return [present, found("problem", "log.replays", message, "start the machine anew, and let nothing but the agent extend registers")];
}

type Attempt<T> = { readonly value: T } | { readonly finding: Finding };

async function attempt<T>(id: Finding["id"], what: string, run: () => Promise<T>): Promise<Attempt<T>> {
  try {
    return { value: await run() };
  } catch (error) {
    if (!(error instanceof CaiError)) throw error;
    const got = error.got === undefined ? "" : ` (${error.got})`;
    return { finding: found("warning", id, `${what}: ${error.message}${got}`, error.hint ?? catalogue[error.id].remedy) };
  }
}
