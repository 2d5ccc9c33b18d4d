import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Finding } from "../../../src/roles/doctor/finding.ts";
import { Machine } from "../../../src/roles/doctor/machine.ts";

const folders: string[] = [];

/** A machine that is a folder with these files below it, and whose programs can all be seen. */
export function machineWith(given: Record<string, string> = {}): Machine {
  const files = { "/proc/2/comm": "kthreadd\n", ...given };
  const root = mkdtempSync(join(tmpdir(), "cai-doctor-"));
  folders.push(root);
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text);
  }
  return new Machine(root);
}

/** Removes the machines of this file's tests. */
export function removeMachines(): void {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
}

/** Findings as `id severity`, in order. */
export const kinds = (findings: readonly Finding[]): string[] => findings.map(({ id, severity }) => `${id} ${severity}`);

/** The finding of that id. */
export function finding(findings: readonly Finding[], id: string): Finding {
  const one = findings.find((each) => each.id === id);
  if (one === undefined) throw new Error(`no finding ${id} among ${kinds(findings).join(", ")}`);
  return one;
}
