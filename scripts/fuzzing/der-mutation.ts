import { joined, mutatedBytes } from "./byte-mutation.ts";
import type { Random } from "./random.ts";

/** An element of DER, taken apart without any of the program's own readers: what is no DER stays bytes. */
interface Node {
  tag: number;
  content: Uint8Array | Node[];
  /** written with a length of so many bytes more than it needs */
  padding?: number;
  /** written without a definite length */
  indefinite?: boolean;
}

const CONSTRUCTED = 0x20;
const TAGS = [0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0a, 0x0c, 0x13, 0x17, 0x18, 0x1f, 0x24, 0x30, 0x31, 0x80, 0x82, 0xa0, 0xa3];

/** Changes an element or two of DER: tag, content, place, number, spelling of the length; the lengths around it are right again most of the time. */
export function mutatedDer(der: Uint8Array, other: () => Uint8Array, random: Random): Uint8Array {
  const tree = read(der);
  if (tree === undefined || random.chance(6)) return mutatedBytes(der, other, random);
  const changes = 1 + random.below(2);
  for (let i = 0; i < changes; i++) change(tree, random);
  return joined(...tree.map(write));
}

function change(tree: Node[], random: Random): void {
  let siblings = tree;
  let at = 0;
  for (;;) {
    if (siblings.length === 0) return;
    at = random.below(siblings.length);
    const { content } = siblings[at]!;
    if (!Array.isArray(content) || content.length === 0 || random.chance(5)) break;
    siblings = content;
  }
  const node = siblings[at]!;
  switch (random.below(9)) {
    case 0:
      node.tag = random.of(TAGS);
      return;
    case 1:
      siblings.splice(at, 1);
      return;
    case 2:
      siblings.splice(at, 0, node);
      return;
    case 3: {
      const to = random.below(siblings.length);
      [siblings[at], siblings[to]] = [siblings[to]!, siblings[at]!];
      return;
    }
    case 4:
      node.padding = 1 + random.below(4);
      return;
    case 5:
      node.indefinite = true;
      return;
    case 6:
      node.content = Array.isArray(node.content) ? joined(...node.content.map(write)) : [{ tag: node.tag, content: node.content }];
      return;
    default:
      if (Array.isArray(node.content)) node.content.push({ tag: random.of(TAGS), content: new Uint8Array(random.below(4)) });
      else node.content = mutatedBytes(node.content, () => new Uint8Array(4), random);
  }
}

/** The elements, or undefined where the bytes are none to the end. */
function read(bytes: Uint8Array, depth = 0): Node[] | undefined {
  const nodes: Node[] = [];
  let at = 0;
  while (at < bytes.length) {
    const tag = bytes[at]!;
    let length = bytes[at + 1];
    at += 2;
    if (length === undefined || depth > 12) return undefined;
    if (length >= 0x80) {
      const count = length & 0x7f;
      if (count === 0 || count > 4) return undefined;
      length = 0;
      for (let i = 0; i < count; i++) length = length * 256 + (bytes[at++] ?? 0);
    }
    const content = bytes.subarray(at, at + length);
    if (content.length !== length) return undefined;
    at += length;
    // Extensions hold DER in octet strings.
    const nested = (tag & CONSTRUCTED) !== 0 || (tag === 0x04 && length > 2) ? read(content, depth + 1) : undefined;
    nodes.push({ tag, content: nested ?? content });
  }
  return nodes;
}

function write({ tag, content, padding = 0, indefinite = false }: Node): Uint8Array {
  const body = Array.isArray(content) ? joined(...content.map(write)) : content;
  if (indefinite) return joined(Uint8Array.of(tag, 0x80), body, new Uint8Array(2));
  if (body.length < 0x80 && padding === 0) return joined(Uint8Array.of(tag, body.length), body);
  const hex = body.length.toString(16);
  const size = Uint8Array.fromHex(hex.length % 2 === 0 ? hex : `0${hex}`);
  return joined(Uint8Array.of(tag, 0x80 | (size.length + padding)), new Uint8Array(padding), size, body);
}
