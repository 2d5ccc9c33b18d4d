import { join } from "node:path";
import { CaiError } from "../../../system/index.ts";
import { errnoOf, readKernelFile, writeKernelFile } from "./kernel-file.ts";
import { requireQuote, requireReportData } from "./quote-check.ts";
import { removeStaleEntries, unusable, withTsmEntry } from "./tsm-entry.ts";

/** What stands in `provider` on a TDX guest. */
const PROVIDER = "tdx_guest";
const MAX_TEXT = 4096;
const MAX_OUTBLOB = 64 * 1024;
/** The kernel is busy while an earlier quote is still on its way (tdx.md §3.1, step 5). */
const WAIT_MS = 10_000;
const WAITS = 3;
/** Entries that are tried where somebody else wrote into one. */
const ENTRIES = 3;

export interface TsmOptions {
  /** the folder of configfs-tsm's reports */
  readonly root: string;
  /** waits between two tries */
  readonly sleep: (milliseconds: number) => Promise<void>;
}

/**
 * Gets a quote through configfs-tsm, step by step as tdx.md §3.1 has it.
 *
 * @param reportData  64 bytes
 * @returns the quote as the host gave it, possibly padded; plausible, not verified
 * @throws CaiError `tdx.report-data-length`, `tdx.configfs-unusable`, `tdx.quote-busy`, `tdx.quote-timeout`, `tdx.quote-raced`,
 *   `tdx.quote-implausible`, `tdx.quote-unavailable`
 */
export async function tsmQuote({ root, sleep }: TsmOptions, reportData: Uint8Array): Promise<Uint8Array> {
  requireReportData(reportData);
  await removeStaleEntries(root);
  const patience: Patience = { waits: WAITS, sleep };
  for (let entries = 0; entries < ENTRIES; entries++) {
    const outblob = await withTsmEntry(root, (entry) => quoteIn(entry, reportData, patience));
    if (outblob !== undefined) return requireQuote(outblob, reportData);
  }
  throw new CaiError("tdx.quote-raced", `somebody else wrote into ${ENTRIES} entries one after the other below ${root}`);
}

/** Whether configfs-tsm is there and speaks for a TDX guest. @throws CaiError `tdx.configfs-unusable` where not, with the reason */
export async function requireTsm(root: string): Promise<void> {
  await withTsmEntry(root, requireProvider);
}

/** @returns undefined where somebody else wrote into the entry in between: the quote may be over other report data */
async function quoteIn(entry: string, reportData: Uint8Array, patience: Patience): Promise<Uint8Array | undefined> {
  await requireProvider(entry);
  const before = await generation(entry);
  await patiently(patience, () => writeKernelFile(join(entry, "inblob"), reportData));
  const outblob = await patiently(patience, () => readKernelFile(join(entry, "outblob"), MAX_OUTBLOB, tooLong));
  if ((await generation(entry)) !== before + 1) return undefined;
  if (outblob.length === 0) throw new CaiError("tdx.quote-unavailable", "the host gave an empty quote", { got: "0 bytes" });
  return outblob;
}

async function requireProvider(entry: string): Promise<void> {
  const provider = (await attribute(entry, "provider")).trimEnd();
  if (provider === PROVIDER) return;
  throw new CaiError("tdx.configfs-unusable", "configfs-tsm speaks for another kind of TEE", { expected: PROVIDER, got: provider });
}

async function generation(entry: string): Promise<number> {
  const text = (await attribute(entry, "generation")).trimEnd();
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new CaiError("tdx.configfs-unusable", "generation of a configfs-tsm entry: expected a number", { expected: "a number", got: text });
}

async function attribute(entry: string, name: string): Promise<string> {
  try {
    const tooLongText = () => new CaiError("tdx.configfs-unusable", `${name} of a configfs-tsm entry is too long`);
    return new TextDecoder().decode(await readKernelFile(join(entry, name), MAX_TEXT, tooLongText));
  } catch (error) {
    throw error instanceof CaiError ? error : unusable(join(entry, name), error);
  }
}

function tooLong(): CaiError {
  const expected = `at most ${MAX_OUTBLOB} bytes`;
  return new CaiError("tdx.quote-implausible", `what came as a quote, size: expected ${expected}, got more`, { expected, got: "more" });
}

/** What is left of the readiness to try again, for one quote as a whole. */
interface Patience {
  waits: number;
  readonly sleep: TsmOptions["sleep"];
}

/** A call that a signal interrupted (EINTR) is repeated by the runtime, so it does not come here. */
async function patiently<T>(patience: Patience, call: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      const code = errnoOf(error);
      if ((code !== "EBUSY" && code !== "ETIMEDOUT") || patience.waits-- <= 0) throw failure(error, code);
      await patience.sleep(WAIT_MS);
    }
  }
}

function failure(error: unknown, code: string | undefined): unknown {
  const details = { ...(code !== undefined && { got: code }), cause: error };
  switch (code) {
    case undefined:
      return error;
    case "EBUSY":
      return new CaiError("tdx.quote-busy", "the kernel is still busy with an earlier quote", details);
    case "ETIMEDOUT":
      return new CaiError("tdx.quote-timeout", "the host did not give a quote in the time that the kernel waits", details);
    // The kernel takes the report data when the file is closed and says nothing where it does not; the read then finds none.
    case "EINVAL":
      return new CaiError("tdx.quote-unavailable", "the kernel did not take the report data", details);
    case "EIO":
      return new CaiError("tdx.quote-unavailable", "the host refuses to make quotes", details);
    default:
      return new CaiError("tdx.quote-unavailable", "the kernel gives no quote", details);
  }
}
