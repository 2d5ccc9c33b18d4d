import { randomFillSync } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const WEIGHT_FILES = 2;
const WEIGHT_BYTES = 64 * 1024 * 1024;

/**
 * Writes a folder that looks like a language model to whoever reads it: two weight files of incompressible bytes, a configuration,
 * a tokenizer with names outside ASCII, an empty file and a link.
 *
 * @param folder  where to write; made if absent
 */
export function writeSampleModel(folder: string): void {
  mkdirSync(join(folder, "tokenizer"), { recursive: true });
  writeFileSync(
    join(folder, "config.json"),
    `${JSON.stringify({ architectures: ["SampleForCausalLM"], hidden_size: 2048, vocab_size: 32000 }, null, 2)}\n`,
  );
  writeFileSync(join(folder, "tokenizer", "vocab-中文-é.txt"), Array.from({ length: 4000 }, (_, i) => `▁token${i}\n`).join(""));
  writeFileSync(join(folder, "tokenizer", "added_tokens.json"), "");
  const weights = new Uint8Array(WEIGHT_BYTES);
  for (let i = 1; i <= WEIGHT_FILES; i++) {
    for (let at = 0; at < weights.length; at += 1 << 20) randomFillSync(weights, at, 1 << 20);
    writeFileSync(join(folder, `model-0000${i}-of-0000${WEIGHT_FILES}.safetensors`), weights);
  }
}
