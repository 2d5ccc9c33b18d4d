import { afterAll, describe, expect, test } from "bun:test";
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  createSimulatedTd,
  loadSimulatedTd,
  SimulatedPlatform,
  type SimulatedTd,
  saveSimulatedTd,
  simulatedTdxAttester,
} from "../../../src/tee/tdx/index.ts";
import { errorId, NOW, platform, quoteOf, REPORT_DATA, rejectionId, SEED } from "./testing.ts";

describe("a simulated platform", () => {
  test("is the same, byte for byte, for the same seed and time", () => {
    const again = SimulatedPlatform.create({ seed: SEED, now: NOW });
    expect(again.anchorPem).toBe(platform.anchorPem);
    expect(again.bundle()).toBe(platform.bundle());
    for (const version of [4, 5] as const) {
      expect(again.quote({ reportData: REPORT_DATA, version })).toEqual(quoteOf({ version }));
    }
  });

  test("is another one for another seed, in every key and name of the machine", () => {
    const other = SimulatedPlatform.create({ seed: new Uint8Array(32).fill(8), now: NOW });
    expect(other.anchorDer).not.toEqual(platform.anchorDer);
    expect(other.quote({ reportData: REPORT_DATA }).subarray(700, 764)).not.toEqual(quoteOf().subarray(700, 764));
  });

  test("has one anchor and one machine for all times", () => {
    const later = SimulatedPlatform.create({ seed: SEED, now: NOW + 1_000_000 });
    expect(later.anchorDer).toEqual(platform.anchorDer);
    expect(later.quote({ reportData: REPORT_DATA })).toEqual(quoteOf());
    expect(later.bundle()).not.toBe(platform.bundle());
  });

  test("takes a seed of 32 bytes and report data of 64 bytes only", () => {
    expect(errorId(() => SimulatedPlatform.create({ seed: new Uint8Array(31), now: NOW }))).toBe("tdx.simulated-state-invalid");
    for (const size of [0, 63, 65]) expect(errorId(() => quoteOf({ reportData: new Uint8Array(size) }))).toBe("tdx.report-data-length");
  });
});

describe("the state of a simulated TD", () => {
  const folder = mkdtempSync(join(tmpdir(), "cai-simulated-td-"));
  afterAll(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "machine.json");
  const plain = (td: SimulatedTd) => JSON.stringify(td, (_, value) => (value instanceof Uint8Array ? value.toHex() : value));
  const td = createSimulatedTd({ seed: SEED, now: NOW + 0.7, software: "image 2", debug: true, quoteVersion: 5 });

  test("reads back from a file that only its owner can read", async () => {
    saveSimulatedTd(path, td);
    expect(plain(loadSimulatedTd(path))).toBe(plain(td));
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder)).toEqual(["machine.json"]);
    const shared = [td, loadSimulatedTd(path)].map((each) => simulatedTdxAttester(each).evidence(REPORT_DATA));
    expect(await shared[0]!).toEqual(await shared[1]!);
  });

  test("is refused where others may read the file", () => {
    saveSimulatedTd(path, td);
    for (const mode of [0o640, 0o604, 0o660]) {
      chmodSync(path, mode);
      expect(errorId(() => loadSimulatedTd(path))).toBe("tdx.simulated-state-invalid");
    }
  });

  test("is refused where anything in it is missing, unknown or misshapen, without showing the seed", () => {
    saveSimulatedTd(path, td);
    const state = JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>;
    const bad: unknown[] = [[], null, { ...state, extra: 1 }, { ...state, rtmrs: [] }, { ...state, seed: "00" }, { ...state, version: 3 }];
    for (const name of Object.keys(state)) {
      const { [name]: _, ...rest } = state;
      bad.push(rest, { ...state, [name]: "xyz" });
    }
    for (const text of [...bad.map((each) => JSON.stringify(each)), "", `{"seed": "${state["seed"]}`, "x".repeat(1_100_000)]) {
      writeFileSync(path, text);
      expect(errorId(() => loadSimulatedTd(path))).toBe("tdx.simulated-state-invalid");
    }
    writeFileSync(path, `{"seed": "${state["seed"]}`);
    let shown = "";
    try {
      loadSimulatedTd(path);
    } catch (error) {
      shown = `${error} ${JSON.stringify(error)} ${(error as Error).cause}`;
    }
    expect(shown).toContain("no JSON");
    expect(shown).not.toContain(String(state["seed"]).slice(0, 16));
  });

  test("that is not there, or cannot be written, is said", () => {
    expect(errorId(() => loadSimulatedTd(join(folder, "none.json")))).toBe("cli.input-unreadable");
    expect(errorId(() => loadSimulatedTd(folder))).toMatch(/^(?:cli\.input-unreadable|tdx\.simulated-state-invalid)$/);
    expect(errorId(() => saveSimulatedTd(join(folder, "no", "such.json"), td))).toBe("cli.output-failed");
  });

  test("gives evidence over 64 bytes of report data only", async () => {
    const attester = simulatedTdxAttester(td);
    for (const size of [0, 63, 65]) expect(await rejectionId(attester.evidence(new Uint8Array(size)))).toBe("tdx.report-data-length");
  });
});
