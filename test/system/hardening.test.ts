import { expect, test } from "bun:test";
import { join } from "node:path";

const entry = join(import.meta.dir, "../../src/system/index.ts");

/** Runs code in a process of its own, because hardening lasts as long as the process. */
function inChild(code: string): string {
  const child = Bun.spawnSync([
    process.execPath,
    "-e",
    `import { hardenProcess, processHardening } from ${JSON.stringify(entry)}; ${code}`,
  ]);
  expect(child.stderr.toString()).toBe("");
  return child.stdout.toString().trim();
}

test("a hardened process writes no core file and is not dumpable, and neither can be undone by a limit of the shell", () => {
  const out = inChild(`hardenProcess(); const h = processHardening(); console.log(h.coreLimit + " " + h.dumpable);`);
  expect(out).toBe("0 false");
});

test("hardening is what does it: a process that did not ask is dumpable", () => {
  expect(inChild(`console.log(processHardening().dumpable);`)).toBe("true");
});

test("the memory of a hardened process belongs to root, so another process of the same user cannot read it", () => {
  const out = inChild(
    `import { statSync } from "node:fs"; process.setgid(65534); process.setuid(65534); hardenProcess(); console.log(statSync("/proc/self/mem").uid);`,
  );
  expect(out).toBe("0");
}, 10_000);
