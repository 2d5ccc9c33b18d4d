import type { Run } from "../run.ts";
import { compare, entriesOf, isObject, RegoSet, type Value } from "../value.ts";
import { BuiltinFailure, type Builtins, builtin, listArg, stringArg } from "./builtin.ts";

/** The addresses from `first` on whose leading `prefix` bits are the same. */
interface Network {
  readonly bits: 32 | 128;
  readonly first: bigint;
  readonly prefix: number;
}

const MAXIMUM_TEXT = 64;

function parseIpv4(text: string): bigint | undefined {
  const parts = text.split(".");
  if (parts.length !== 4 || !parts.every((part) => /^(?:0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255)) return undefined;
  return parts.reduce((sum, part) => (sum << 8n) | BigInt(part), 0n);
}

function parseIpv6(text: string): bigint | undefined {
  const last = text.slice(text.lastIndexOf(":") + 1);
  const tail = last.includes(".") ? parseIpv4(last) : undefined;
  if (last.includes(".") && tail === undefined) return undefined;
  const groups = tail === undefined ? text : `${text.slice(0, -last.length)}${(tail >> 16n).toString(16)}:${(tail & 0xffffn).toString(16)}`;
  const halves = groups.split("::");
  if (halves.length > 2) return undefined;
  const [left, right] = halves.map((half) => (half === "" ? [] : half.split(":"))) as [string[], string[]?];
  const missing = 8 - left.length - (right?.length ?? 0);
  if (right === undefined ? missing !== 0 : missing < 1) return undefined;
  const all = [...left, ...Array.from({ length: missing }, () => "0"), ...(right ?? [])];
  if (!all.every((group) => /^[0-9a-fA-F]{1,4}$/.test(group))) return undefined;
  return all.reduce((sum, group) => (sum << 16n) | BigInt(`0x${group}`), 0n);
}

/** One address as a network of its own. */
function parseAddress(text: string): Network | undefined {
  if (text.length > MAXIMUM_TEXT) return undefined;
  const isIpv6 = text.includes(":");
  const first = isIpv6 ? parseIpv6(text) : parseIpv4(text);
  const bits = isIpv6 ? 128 : 32;
  return first === undefined ? undefined : { bits, first, prefix: bits };
}

function parseCidr(text: string): Network | undefined {
  const [host, length, more] = text.split("/", 3);
  const address = length === undefined || more !== undefined ? undefined : parseAddress(host!);
  if (address === undefined || !/^(?:0|[1-9]\d{0,2})$/.test(length!) || Number(length) > address.bits) return undefined;
  return network(address.bits, address.first, Number(length));
}

function network(bits: 32 | 128, address: bigint, prefix: number): Network {
  const host = BigInt(bits - prefix);
  return { bits, first: (address >> host) << host, prefix };
}

function lastOf({ bits, first, prefix }: Network): bigint {
  return first + (1n << BigInt(bits - prefix)) - 1n;
}

function covers(outer: Network, inner: Network): boolean {
  return outer.bits === inner.bits && outer.first <= inner.first && lastOf(inner) <= lastOf(outer);
}

function cidrOf(text: string): Network {
  const found = parseCidr(text);
  if (found === undefined) throw new BuiltinFailure("expected an address with a prefix length, such as 10.0.0.0/8");
  return found;
}

function cidrOrAddress(text: string): Network {
  return parseAddress(text) ?? cidrOf(text);
}

/** Text of an address; IPv6 as RFC 5952 §4 says. */
function addressText(bits: 32 | 128, address: bigint): string {
  if (bits === 32) return [24n, 16n, 8n, 0n].map((shift) => (address >> shift) & 255n).join(".");
  const groups = Array.from({ length: 8 }, (_, i) => ((address >> BigInt(112 - 16 * i)) & 0xffffn).toString(16));
  let [start, length] = [0, 0];
  for (let i = 0; i < 8; i++) {
    let end = i;
    while (end < 8 && groups[end] === "0") end++;
    if (end - i > length) [start, length] = [i, end - i];
  }
  if (length < 2) return groups.join(":");
  return `${groups.slice(0, start).join(":")}::${groups.slice(start + length).join(":")}`;
}

function networkText({ bits, first, prefix }: Network): string {
  return `${addressText(bits, first)}/${prefix}`;
}

/** The networks of a collection, each with the key that a match names. */
function keyedNetworks(value: Value, parse: (text: string) => Network): (readonly [Value, Network])[] {
  const one = (key: Value, item: Value | undefined) => {
    const text = Array.isArray(item) ? (item as readonly Value[])[0] : item;
    if (typeof text !== "string") throw new BuiltinFailure("expected strings, or arrays that start with one");
    return [key, parse(text)] as const;
  };
  if (typeof value === "string") return [one(value, value)];
  if (Array.isArray(value)) return (value as readonly Value[]).map((item, i) => one(i, item));
  if (value instanceof RegoSet) return value.values().map((item) => one(item, item));
  if (isObject(value)) return entriesOf(value).map(([key, item]) => one(key, item));
  throw new BuiltinFailure("expected a string, array, set or object");
}

/** An address without a prefix length stands for its network of the time before prefix lengths: class A, B or C. */
function mergeable(text: string): Network {
  const address = text.includes("/") ? undefined : parseAddress(text);
  if (address === undefined) return cidrOf(text);
  const top = Number(address.first >> 24n);
  if (address.bits === 128 || top >= 224) throw new BuiltinFailure("expected a prefix length");
  return network(32, address.first, top < 128 ? 8 : top < 192 ? 16 : 24);
}

/** The fewest networks that cover the same addresses. */
function merged(networks: readonly Network[], run: Run): Network[] {
  const sorted = [...networks].sort((a, b) => a.bits - b.bits || compare(a.first, b.first) || a.prefix - b.prefix);
  const stack: Network[] = [];
  for (const next of sorted) {
    run.tick();
    const top = stack.at(-1);
    if (top !== undefined && covers(top, next)) continue;
    stack.push(next);
    for (;;) {
      const [a, b] = stack.slice(-2);
      if (a === undefined || b === undefined || a.bits !== b.bits || a.prefix !== b.prefix || a.prefix === 0) break;
      const both = network(a.bits, a.first, a.prefix - 1);
      if (!covers(both, b)) break;
      stack.splice(-2, 2, both);
    }
  }
  return stack;
}

function intersects(a: Network, b: Network): boolean {
  return covers(a, b) || covers(b, a);
}

/** Functions over networks and addresses; none looks a name up. */
export const networks: Builtins = {
  "net.cidr_contains": builtin(2, (args) => covers(cidrOf(stringArg(args, 0)), cidrOrAddress(stringArg(args, 1)))),
  "net.cidr_contains_matches": builtin(2, ([outer, inner], run) => {
    const [outers, inners] = [keyedNetworks(outer!, cidrOf), keyedNetworks(inner!, cidrOrAddress)];
    run.tick(outers.length * inners.length);
    return new RegoSet(
      outers.flatMap(([key, one]) => inners.filter(([, other]) => covers(one, other)).map(([other]): Value => [key, other])),
    );
  }),
  "net.cidr_intersects": builtin(2, (args) => intersects(cidrOf(stringArg(args, 0)), cidrOf(stringArg(args, 1)))),
  "net.cidr_overlap": builtin(2, (args) => covers(cidrOf(stringArg(args, 0)), cidrOrAddress(stringArg(args, 1)))),
  "net.cidr_is_valid": builtin(1, ([value]) => typeof value === "string" && parseCidr(value) !== undefined),
  "net.cidr_expand": builtin(1, (args, run) => {
    const of = cidrOf(stringArg(args, 0));
    const count = Number(lastOf(of) - of.first + 1n);
    run.members(count);
    return new RegoSet(Array.from({ length: count }, (_, i) => addressText(of.bits, of.first + BigInt(i))));
  }),
  "net.cidr_merge": builtin(1, (args, run) => {
    const list = listArg(args, 0);
    run.tick(list.length);
    return new RegoSet(
      merged(
        list.map((_, i) => mergeable(stringArg(list, i))),
        run,
      ).map(networkText),
    );
  }),
};
