import { randomFillSync } from "node:crypto";
import { closeSync, mkdirSync, openSync, symlinkSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";

/** Writes a tree with what real model folders have, and what they may have. @param bigBytes  size of its one large file */
export function writeTree(folder: string, bigBytes: number): void {
  mkdirSync(folder);
  const deep = join(folder, ...Array.from({ length: 40 }, (_, i) => `level-${i}`));
  mkdirSync(deep, { recursive: true });
  writeFileSync(join(deep, "bottom.txt"), "the bottom\n");
  const small = join(folder, "small");
  mkdirSync(small);
  for (let i = 0; i < 2000; i++) writeFileSync(join(small, `shard-${i}.json`), JSON.stringify({ i, text: "x".repeat(i % 700) }));
  const names = [
    "模型.bin",
    "модель.txt",
    "é-precomposed",
    "e\u0301-decomposed",
    "emoji-🦙.gguf",
    "space and 'quotes' \"double\"",
    "-leading-hyphen",
    "ünïcödé.safetensors",
    "percent%20.txt",
    "x".repeat(255),
  ];
  for (const name of names) writeFileSync(join(folder, name), `content of ${name}`);
  for (const size of [0, 1, 65_535, 65_536, 65_537, 131_072, 1_000_003])
    writeFileSync(join(folder, `size-${size}`), randomFillSync(new Uint8Array(size)));
  mkdirSync(join(folder, "empty-folder"));
  symlinkSync("size-65536", join(folder, "link-to-file"));
  symlinkSync("../small/shard-7.json", join(folder, "empty-folder", "link-up"));
  symlinkSync("small", join(folder, "link-to-folder"));
  symlinkSync("not-there", join(folder, "dangling"));
  writeFileSync(join(folder, "run.sh"), "#!/bin/sh\n", { mode: 0o755 });
  const big = openSync(join(folder, "weights.bin"), "w");
  const block = randomFillSync(new Uint8Array(16 << 20));
  for (let at = 0; at < bigBytes; at += block.length) {
    // Every block differs, so that a block read from the wrong place cannot pass for the right one.
    new DataView(block.buffer).setFloat64(0, at);
    writeSync(big, block, 0, Math.min(block.length, bigBytes - at));
  }
  closeSync(big);
}

/** Compares two trees with `diff -r`, links as links. @returns what differs; empty where nothing does */
export function diffTrees(one: string, other: string): string {
  const diff = Bun.spawnSync(["diff", "-r", "--no-dereference", one, other]);
  return diff.stdout.toString() + diff.stderr.toString();
}
