import { CaiError } from "../../../system/index.ts";
import { readU16, readU32 } from "../layout.ts";
import { errnoOf, isMissing, readKernelFile } from "./kernel-file.ts";
import type { TdxPaths } from "./paths.ts";

/** The table is a standard ACPI header of 36 bytes, then type u8, subtype u8, reserved u16, area length u64, area address u64 (tdx.md §4.1). */
const TABLE_SIZE = 56;
const TYPE_AT = 36;
const AREA_LENGTH_AT = 40;
const TYPE_TDX = 2;
/** The largest log area that is read; firmware reserves 64 KiB to 1 MiB. */
const MAX_AREA = 4 * 1024 * 1024;
const MAX_RUNTIME_LOG = 4 * 1024 * 1024;

/**
 * Reads what firmware and boot loader logged of this boot: the whole log area, padding included.
 *
 * @returns undefined where firmware announces no log
 * @throws CaiError `tdx.ccel-malformed`, `tdx.ccel-unreadable`
 */
export async function readCcel({ ccelTable, ccelData }: Pick<TdxPaths, "ccelTable" | "ccelData">): Promise<Uint8Array | undefined> {
  const table = await readIfThere(ccelTable, TABLE_SIZE, () => malformed("ACPI table", `${TABLE_SIZE} bytes`, "more"));
  if (table === undefined) return undefined;
  const length = areaLength(table);
  const area = await readIfThere(ccelData, MAX_AREA, () => malformed("log area", `at most ${MAX_AREA} bytes`, "more"));
  if (area === undefined) throw malformed("log area", `${length} bytes`, `no file ${ccelData}`);
  if (area.length > length) throw malformed("log area", `at most ${length} bytes, as its table says`, `${area.length}`);
  return area;
}

/** The agent's own records of this boot. @returns undefined where there are none. @throws CaiError as {@link readCcel} */
export function readRuntimeLog(path: string): Promise<Uint8Array | undefined> {
  return readIfThere(path, MAX_RUNTIME_LOG, () => malformed("runtime log", `at most ${MAX_RUNTIME_LOG} bytes`, "more"));
}

/** Checks the ACPI table and reads the length of the log area from it. @throws CaiError `tdx.ccel-malformed` */
export function areaLength(table: Uint8Array): number {
  if (table.length !== TABLE_SIZE) throw malformed("ACPI table", `${TABLE_SIZE} bytes`, `${table.length}`);
  const signature = Buffer.from(table.subarray(0, 4)).toString("latin1");
  if (signature !== "CCEL") throw malformed("signature of the ACPI table", "CCEL", signature);
  if (readU32(table, 4) !== TABLE_SIZE) throw malformed("length in the ACPI table", `${TABLE_SIZE}`, `${readU32(table, 4)}`);
  const sum = table.reduce((total, byte) => (total + byte) & 0xff, 0);
  if (sum !== 0) throw malformed("checksum of the ACPI table", "bytes that add up to 0", `${sum}`);
  const type = readU16(table, TYPE_AT) & 0xff;
  if (type !== TYPE_TDX) throw malformed("kind of TEE in the ACPI table", `${TYPE_TDX} (TDX)`, `${type}`);
  const length = new DataView(table.buffer, table.byteOffset).getBigUint64(AREA_LENGTH_AT, true);
  if (length === 0n || length > BigInt(MAX_AREA)) throw malformed("length of the log area", `1 to ${MAX_AREA}`, `${length}`);
  return Number(length);
}

async function readIfThere(path: string, limit: number, onTooLong: () => CaiError): Promise<Uint8Array | undefined> {
  try {
    return await readKernelFile(path, limit, onTooLong);
  } catch (error) {
    if (isMissing(error)) return undefined;
    const code = errnoOf(error);
    if (code === undefined) throw error;
    throw new CaiError("tdx.ccel-unreadable", `${path} cannot be read`, { got: code, cause: error });
  }
}

function malformed(what: string, expected: string, got: string): CaiError {
  return new CaiError("tdx.ccel-malformed", `boot event log, ${what}: expected ${expected}, got ${got}`, { expected, got });
}
