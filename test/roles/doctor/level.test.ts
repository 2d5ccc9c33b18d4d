import { describe, expect, test } from "bun:test";
import { found, ok } from "../../../src/roles/doctor/finding.ts";
import { assurance, type Shown } from "../../../src/roles/doctor/level.ts";

const good: Shown = {
  isTee: true,
  quoted: { debug: false, configured: true, bootMeasured: true },
  rootProtected: true,
  administration: [ok("access.none", "none")],
};
const quoted = good.quoted!;
const ssh = found("warning", "access.ssh", "sshd runs", "stop it");

describe("the level that a machine can reach", () => {
  test("is L3 only where nothing at all is missing", () => {
    expect(assurance(good)).toEqual({ level: "L3", lacks: [] });
  });

  test("is lower by each thing that is missing, and says which", () => {
    for (const [change, level, words] of [
      [{ administration: [ssh] }, "L2", "sshd runs"],
      [{ quoted: { ...quoted, configured: false } }, "L2", "init data"],
      [{ rootProtected: false }, "L1", "root file system"],
      [{ quoted: { ...quoted, bootMeasured: false } }, "L0", "boot register"],
      [{ quoted: { ...quoted, debug: true } }, "none", "debug"],
      [{ quoted: { ...quoted, debug: true }, rootProtected: false }, "none", "debug"],
      [{ quoted: undefined }, "none", "no quote"],
      [{ quoted: undefined, isTee: false }, "none", "no TEE"],
    ] as const) {
      const { level: got, lacks } = assurance({ ...good, ...change });
      expect([got, lacks.some((lack) => lack.includes(words))]).toEqual([level, true]);
    }
  });

  test("is never more for something good above something missing", () => {
    const worst = { isTee: true, quoted: { ...quoted, debug: true }, rootProtected: true, administration: good.administration };
    expect(assurance(worst).level).toBe("none");
    expect(assurance({ ...good, quoted: { ...quoted, configured: false }, administration: [ssh] }).lacks).toHaveLength(2);
  });
});
