import type { LogHash } from "../../../src/tee/eventlog/index.ts";

const IV = [0x7380166f, 0x4914b2b9, 0x172442d7, 0xda8a0600, 0xa96f30bc, 0x163138aa, 0xe38dee4d, 0xb0fb0e4e];
const rotated = (x: number, by: number): number => ((x << (by & 31)) | (x >>> (32 - (by & 31)))) >>> 0;
const spread15 = (x: number): number => x ^ rotated(x, 15) ^ rotated(x, 23);

/** SM3 (GB/T 32905-2016), slow and short: for logs of platforms that measure with it. */
export const SM3: LogHash = {
  name: "SM3",
  digest(...parts) {
    const message = Buffer.concat(parts);
    const padded = Buffer.alloc(Math.ceil((message.length + 9) / 64) * 64);
    padded.set(message);
    padded[message.length] = 0x80;
    padded.writeBigUInt64BE(BigInt(message.length) * 8n, padded.length - 8);
    let state = IV;
    for (let at = 0; at < padded.length; at += 64) state = compressed(state, padded.subarray(at, at + 64));
    const out = Buffer.alloc(32);
    for (const [i, word] of state.entries()) out.writeUInt32BE(word >>> 0, 4 * i);
    return new Uint8Array(out);
  },
};

function compressed(state: readonly number[], block: Buffer): number[] {
  const w = Array.from({ length: 16 }, (_, i) => block.readUInt32BE(4 * i));
  for (let i = 16; i < 68; i++) {
    w.push((spread15(w[i - 16]! ^ w[i - 9]! ^ rotated(w[i - 3]!, 15)) ^ rotated(w[i - 13]!, 7) ^ w[i - 6]!) >>> 0);
  }
  let [a, b, c, d, e, f, g, h] = state as [number, number, number, number, number, number, number, number];
  for (let i = 0; i < 64; i++) {
    const early = i < 16;
    const ss1 = rotated((rotated(a, 12) + e + rotated(early ? 0x79cc4519 : 0x7a879d8a, i)) >>> 0, 7);
    const ff = early ? a ^ b ^ c : (a & b) | (a & c) | (b & c);
    const gg = early ? e ^ f ^ g : (e & f) | (~e & g);
    const tt1 = (ff + d + (ss1 ^ rotated(a, 12)) + (w[i]! ^ w[i + 4]!)) >>> 0;
    const tt2 = (gg + h + ss1 + w[i]!) >>> 0;
    [a, b, c, d, e, f, g, h] = [tt1, a, rotated(b, 9), c, (tt2 ^ rotated(tt2, 9) ^ rotated(tt2, 17)) >>> 0, e, rotated(f, 19), g];
  }
  return [a, b, c, d, e, f, g, h].map((word, i) => (word ^ state[i]!) >>> 0);
}
