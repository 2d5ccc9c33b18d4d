import { uefiGuid } from "./efi-variable.ts";
import { utf16TextLossy } from "./text.ts";

const IMAGE_LOAD_HEADER = 32;
const DEVICE_PATH_SIZE_AT = 24;
const NODE_HEADER = 4;
const END_TYPE = 0x7f;
const END_ENTIRE = 0xff;

/**
 * The device path of a loaded image, one text a node (UEFI_IMAGE_LOAD_EVENT, tdx.md §4.4).
 *
 * @param data  the event of a boot services application or driver
 * @returns undefined where there is no path, or what is there is none
 */
export function readDevicePaths(data: Uint8Array): string[] | undefined {
  if (data.length < IMAGE_LOAD_HEADER) return undefined;
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const size = view.getBigUint64(DEVICE_PATH_SIZE_AT, true);
  if (size > BigInt(data.length - IMAGE_LOAD_HEADER)) return undefined;
  const end = IMAGE_LOAD_HEADER + Number(size);
  const nodes: string[] = [];
  for (let at = IMAGE_LOAD_HEADER; at < end; ) {
    if (end - at < NODE_HEADER) return undefined;
    const [type, subtype, length] = [data[at]!, data[at + 1]!, view.getUint16(at + 2, true)];
    if (length < NODE_HEADER || length > end - at) return undefined;
    if (type === END_TYPE && subtype === END_ENTIRE) break;
    nodes.push(nodeText(type, subtype, data.subarray(at + NODE_HEADER, at + length)));
    at += length;
  }
  return nodes.length > 0 ? nodes : undefined;
}

/** The nodes that boot paths are made of, by type and subtype; every other prints as its bytes. */
const NODES: Readonly<Record<string, (data: Uint8Array) => string | undefined>> = {
  "1/1": (data) => (data.length === 2 ? `Pci(${data[0]},${data[1]})` : undefined),
  "2/1": (data) => (data.length === 8 ? acpi(data) : undefined),
  "4/1": (data) => (data.length === 38 ? hardDrive(data) : undefined),
  "4/3": (data) => (data.length >= 16 ? `VenMedia(${uefiGuid(data.subarray(0, 16))},${data.subarray(16).toHex()})` : undefined),
  "4/4": (data) => (data.length >= 2 && data.length % 2 === 0 ? `File(${utf16TextLossy(data.subarray(0, -2))})` : undefined),
};

const nodeText = (type: number, subtype: number, data: Uint8Array): string =>
  NODES[`${type}/${subtype}`]?.(data) ?? `Path(${type},${subtype},${data.toHex()})`;

/** An EISA identifier: three letters of five bits each, then the product in hex. */
function acpi(data: Uint8Array): string {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const vendor = view.getUint16(0, true);
  const letters = [10, 5, 0].map((shift) => String.fromCharCode(0x40 + ((vendor >> shift) & 0x1f))).join("");
  const product = view.getUint16(2, true).toString(16).toUpperCase().padStart(4, "0");
  return `ACPI(${letters}${product},${view.getUint32(4, true)})`;
}

function hardDrive(data: Uint8Array): string | undefined {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const number = view.getUint32(0, true);
  const place = number === 0 ? "" : `,0x${view.getBigUint64(4, true).toString(16)},0x${view.getBigUint64(12, true).toString(16)}`;
  if (data[36] === 1) return `HD(${number},MBR,0x${view.getUint32(20, true).toString(16).padStart(8, "0")}${place})`;
  if (data[36] === 2) return `HD(${number},GPT,${uefiGuid(data.subarray(20, 36))}${place})`;
  return undefined;
}
