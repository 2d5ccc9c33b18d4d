import { isIP } from "node:net";

/**
 * The bytes of an address that `isIP` takes, without a zone.
 *
 * @returns 4 bytes of IPv4, 16 of IPv6
 * @throws RangeError for any other text
 */
export function ipBytes(address: string): Uint8Array {
  const text = address.replace(/%.*$/, "");
  switch (isIP(text)) {
    case 4:
      return Uint8Array.from(text.split("."), Number);
    case 6:
      return ipv6Bytes(text);
    default:
      throw new RangeError("no IP address");
  }
}

/** RFC 4291 §2.2: groups of 16 bits, one run of zeros left out as `::`, the last 32 bits possibly as IPv4. */
function ipv6Bytes(text: string): Uint8Array {
  const [head = "", tail] = text.split("::");
  const before = groups(head);
  const after = tail === undefined ? [] : groups(tail);
  const zeros = new Array<number>(16 - before.length - after.length).fill(0);
  return Uint8Array.from([...before, ...zeros, ...after]);
}

function groups(text: string): number[] {
  if (text === "") return [];
  return text.split(":").flatMap((group) => {
    if (group.includes(".")) return group.split(".").map(Number);
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 255];
  });
}

/**
 * IPv4 clients of a socket that takes both families come in IPv6 clothing.
 *
 * @returns the address that they are known by
 */
export function plainAddress(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, "");
}
