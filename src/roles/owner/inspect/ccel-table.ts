import { CaiError } from "../../../system/index.ts";
import { memberRows } from "../report.ts";
import type { Artefact, ArtefactKind, Explanation } from "./artefact.ts";

const TABLE_SIZE = 56;
/** Kinds of confidential computing by their numbers (tdx.md §4.1). */
const CC_TYPES: Readonly<Record<number, string>> = { 1: "AMD SEV", 2: "Intel TDX" };

/** The ACPI table that says where firmware keeps the event log. */
export const ccelTable: ArtefactKind = {
  name: "CCEL table (ACPI)",
  explain({ bytes }: Artefact): Explanation | undefined {
    if (Buffer.from(bytes.subarray(0, 4)).toString("latin1") !== "CCEL") return undefined;
    const table = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (bytes.length < TABLE_SIZE || table.getUint32(4, true) !== TABLE_SIZE) {
      const got = bytes.length < TABLE_SIZE ? `${bytes.length} bytes` : `a length of ${table.getUint32(4, true)}`;
      throw new CaiError("owner.artefact-malformed", `CCEL table: expected ${TABLE_SIZE} bytes, got ${got}`, { got });
    }
    const text = (from: number, size: number): string =>
      Buffer.from(bytes.subarray(from, from + size))
        .toString("latin1")
        .replaceAll("\0", "");
    const sum = bytes.subarray(0, TABLE_SIZE).reduce((total, byte) => (total + byte) & 0xff, 0);
    const type = bytes[36]!;
    const json = {
      revision: bytes[8]!,
      checksum: sum === 0 ? "good" : "bad",
      oem_id: text(10, 6),
      oem_table_id: text(16, 8),
      cc_type: CC_TYPES[type] ?? `${type}`,
      cc_subtype: bytes[37]!,
      log_length: table.getBigUint64(40, true).toString(),
      log_address: `0x${table.getBigUint64(48, true).toString(16)}`,
    };
    const after = ["the log itself is at /sys/firmware/acpi/tables/data/CCEL"];
    return { kind: "CCEL table", json, sections: [{ title: "CCEL table", rows: memberRows(json), after }] };
  },
};
