import { utf16Text } from "./text.ts";

const GUID_SIZE = 16;
const HEADER_SIZE = GUID_SIZE + 8 + 8;

/** The namespace of the variables that the UEFI specification itself defines, SecureBoot and BootOrder among them; 16 bytes as they stand in a log. */
export const EFI_GLOBAL_VARIABLE: Uint8Array = Uint8Array.fromHex("61dfe48bca93d211aa0d00e098032b8c");

/** A measured UEFI variable: UEFI_VARIABLE_DATA (tdx.md §4.4). */
export interface EfiVariable {
  /** 16 bytes as they stand there */
  readonly guid: Uint8Array;
  readonly name: string;
  readonly value: Uint8Array;
}

/** @returns undefined where the bytes are no such structure */
export function readEfiVariable(data: Uint8Array): EfiVariable | undefined {
  if (data.length < HEADER_SIZE) return undefined;
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const nameUnits = view.getBigUint64(GUID_SIZE, true);
  const valueSize = view.getBigUint64(GUID_SIZE + 8, true);
  if (BigInt(HEADER_SIZE) + 2n * nameUnits + valueSize > BigInt(data.length)) return undefined;
  const valueAt = HEADER_SIZE + 2 * Number(nameUnits);
  const name = utf16Text(data.subarray(HEADER_SIZE, valueAt));
  if (name === undefined) return undefined;
  return { guid: data.subarray(0, GUID_SIZE), name, value: data.subarray(valueAt, valueAt + Number(valueSize)) };
}

/** The structure of a variable, as firmware measures it. */
export function encodeEfiVariable({ guid, name, value }: EfiVariable): Uint8Array {
  const data = Buffer.alloc(HEADER_SIZE + 2 * name.length + value.length);
  data.set(guid);
  data.writeBigUInt64LE(BigInt(name.length), GUID_SIZE);
  data.writeBigUInt64LE(BigInt(value.length), GUID_SIZE + 8);
  data.write(name, HEADER_SIZE, "utf16le");
  data.set(value, HEADER_SIZE + 2 * name.length);
  return new Uint8Array(data);
}

/** A GUID in raw byte order, as claims have it: not the mixed-endian form that UEFI prints. */
export const rawGuid = (guid: Uint8Array): string => guid.toHex().replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");

/** A GUID as UEFI prints it: three little-endian numbers, then bytes. */
export function uefiGuid(guid: Uint8Array): string {
  const reversed = (from: number, to: number) => guid.slice(from, to).reverse();
  return rawGuid(new Uint8Array([...reversed(0, 4), ...reversed(4, 6), ...reversed(6, 8), ...guid.subarray(8)])).toUpperCase();
}
