import { narrow } from "../number.ts";
import type { Value } from "../value.ts";
import { type Builtins, builtin, stringArg } from "./builtin.ts";

const TEXT = /^(?:urn:uuid:)?(\{)?([0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12})(\})?$/i;
/** 100 ns from 15 October 1582, where UUID time starts (RFC 9562 §5.1), to 1970. */
const EPOCH = 122_192_928_000_000_000n;
const DOMAINS = ["Person", "Group", "Org"];

function variantOf(byte: number): string {
  if ((byte & 0xc0) === 0x80) return "RFC4122";
  if ((byte & 0xe0) === 0xc0) return "Microsoft";
  return (byte & 0xe0) === 0xe0 ? "Future" : "Reserved";
}

/** What the node id says of itself (RFC 9562 §6.10). */
function nodeKind(byte: number): string {
  return `${(byte & 2) === 0 ? "global" : "local"}:${(byte & 1) === 0 ? "unicast" : "multicast"}`;
}

function described(hex: string): Value {
  const field = (start: number, end: number) => Number.parseInt(hex.slice(start, end), 16);
  const version = field(12, 13);
  const base = { variant: variantOf(field(16, 18)), version };
  if (version !== 1 && version !== 2) return base;
  const ticks = BigInt(`0x${hex.slice(13, 16)}${hex.slice(8, 12)}${hex.slice(0, 8)}`);
  const timed = {
    ...base,
    clocksequence: field(16, 20) & 0x3fff,
    macvariables: nodeKind(field(20, 22)),
    nodeid: hex.slice(20).match(/../g)!.join("-"),
    time: narrow((ticks - EPOCH) * 100n),
  };
  if (version === 1) return timed;
  return { ...timed, domain: DOMAINS[field(18, 20)] ?? `Domain${field(18, 20)}`, id: field(0, 8) };
}

/** Reading UUIDs; a text that is none gives no value. */
export const uuids: Builtins = {
  "uuid.parse": builtin(1, (args) => {
    const text = stringArg(args, 0);
    const found = text.length <= 64 ? TEXT.exec(text) : null;
    if (found === null || (found[1] === undefined) !== (found[3] === undefined)) return undefined;
    return described(found[2]!.replaceAll("-", "").toLowerCase());
  }),
};
