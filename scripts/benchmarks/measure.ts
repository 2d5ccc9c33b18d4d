import { randomFillSync } from "node:crypto";
import { closeSync, openSync, writeSync } from "node:fs";

export { CAI } from "../../test/e2e/cai.ts";

/** @returns the middle value, or the mean of the two middle ones */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** One measured figure beside what is asked of it. */
export interface Figure {
  readonly name: string;
  readonly value: string;
  readonly target: string;
  readonly met: boolean;
  readonly detail: string;
}

/** Runs a command to its end. @returns seconds it took. @throws where it failed */
export function timed(command: readonly string[]): number {
  const start = performance.now();
  run(command);
  return (performance.now() - start) / 1000;
}

/** Runs a command to its end. @returns its standard output. @throws where it failed */
export function run(command: readonly string[]): string {
  const ended = Bun.spawnSync([...command], { stdout: "pipe", stderr: "pipe" });
  if (ended.exitCode !== 0) throw new Error(`${command.join(" ")} ended with ${ended.exitCode}: ${ended.stderr.toString()}`);
  return ended.stdout.toString();
}

/** Writes a file of incompressible bytes. */
export function writeRandomFile(path: string, bytes: number): void {
  const file = openSync(path, "w", 0o600);
  const block = new Uint8Array(16 << 20);
  for (let at = 0; at < bytes; at += block.length) {
    randomFillSync(block);
    writeSync(file, block, 0, Math.min(block.length, bytes - at));
  }
  closeSync(file);
}

/** `1.23 (1.10–1.40)`: median and range. */
export function spread(values: readonly number[], digits = 2): string {
  return `${median(values).toFixed(digits)} (${Math.min(...values).toFixed(digits)}–${Math.max(...values).toFixed(digits)})`;
}
