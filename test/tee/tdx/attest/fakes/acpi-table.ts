/** The ACPI table that announces a boot event log (tdx.md §4.1). @param type  kind of TEE; 2 is TDX */
export function acpiTable(areaLength: number, type = 2): Uint8Array {
  const table = Buffer.alloc(56);
  table.write("CCEL", 0, "latin1");
  table.writeUInt32LE(56, 4);
  table.writeUInt8(1, 8);
  table.write("CAI   FAKE    ", 10, "latin1");
  table.writeUInt8(type, 36);
  table.writeBigUInt64LE(BigInt(areaLength), 40);
  table.writeBigUInt64LE(0x7f00_0000n, 48);
  table.writeUInt8((0x100 - (table.reduce((sum, byte) => (sum + byte) & 0xff, 0) & 0xff)) & 0xff, 9);
  return new Uint8Array(table);
}
