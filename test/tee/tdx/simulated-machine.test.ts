import { afterAll, describe, expect, test } from "bun:test";
import { closeSync, existsSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type JsonObject, tryLock } from "../../../src/system/index.ts";
import { aaelEvent, EVENT_TYPE, SHA384 } from "../../../src/tee/eventlog/index.ts";
import {
  createSimulatedTd,
  extendSimulatedTd,
  loadSimulatedTd,
  parseBundle,
  saveSimulatedTd,
  simulatedTdxAttester,
  tdxVerifier,
  updateSimulatedTd,
} from "../../../src/tee/tdx/index.ts";
import { anchors, errorId, NOW, platform, REPORT_DATA, rejectionId, SEED } from "./testing.ts";

const folder = mkdtempSync(join(tmpdir(), "machine-"));
afterAll(() => rmSync(folder, { recursive: true }));
const collateral = parseBundle(platform.bundle());
const verifier = tdxVerifier({ collateral: () => collateral, expired: "reject" });
const DIGEST = new Uint8Array(48).fill(1);

function newMachine(name: string): string {
  const path = join(folder, `${name}.json`);
  saveSimulatedTd(path, createSimulatedTd({ seed: SEED, now: NOW }));
  return path;
}

/** The contents of the events that a machine's evidence proves. */
async function contentsOf(path: string): Promise<string[]> {
  const evidence = await simulatedTdxAttester(path).evidence(REPORT_DATA);
  const { members } = await verifier.verify(evidence, { reportData: REPORT_DATA }, anchors, NOW);
  return ((members["measured"] as JsonObject)["runtime_events"] as { content: string }[]).map(({ content }) => content);
}

async function record(path: string, content: string): Promise<void> {
  const { data, digest } = aaelEvent({ domain: "d", operation: "o", content }, SHA384);
  await simulatedTdxAttester(path).extend!(3, digest, { type: EVENT_TYPE.EV_EVENT_TAG, data });
}

describe("a simulated machine that several processes share", () => {
  test("shows in its next evidence what another attester recorded", async () => {
    const path = newMachine("shared");
    const attester = simulatedTdxAttester(path);
    await record(path, "first");
    const evidence = await attester.evidence(REPORT_DATA);
    const { members } = await verifier.verify(evidence, { reportData: REPORT_DATA }, anchors, NOW);
    expect((members["measured"] as JsonObject)["runtime_events"]).toMatchObject([{ content: "first" }]);
  });

  test("loses no event of many attesters in one process", async () => {
    const path = newMachine("one-process");
    const contents = Array.from({ length: 24 }, (_, i) => `event-${i}`);
    await Promise.all(contents.map((content) => record(path, content)));
    expect((await contentsOf(path)).sort()).toEqual(contents.sort());
  });

  test("is not changed where its lock is a link or a pipe, which would be waited for", async () => {
    const path = newMachine("strange-lock");
    const lock = `${path}.lock`;
    const before = readFileSync(path, "utf8");
    symlinkSync(join(folder, "elsewhere"), lock);
    expect(await rejectionId(record(path, "x"))).toBe("cli.output-failed");
    rmSync(lock);
    Bun.spawnSync(["mkfifo", lock]);
    expect(await rejectionId(record(path, "x"))).toBe("cli.output-failed");
    expect([readFileSync(path, "utf8"), existsSync(join(folder, "elsewhere"))]).toEqual([before, false]);
  });

  test("loses no event of many processes, and its evidence replays all the while", async () => {
    const path = newMachine("many-processes");
    const script = join(import.meta.dir, "extending-child.ts");
    const children = Array.from({ length: 4 }, (_, child) =>
      Bun.spawn([process.execPath, script, path, `child-${child}`, "12"], { cwd: resolve(import.meta.dir, "../../.."), stderr: "inherit" }),
    );
    const done = Promise.all(children.map(({ exited }) => exited));
    let running = true;
    done.then(() => {
      running = false;
    });
    let seen = 0;
    while (running) {
      const count = (await contentsOf(path)).length;
      expect(count).toBeGreaterThanOrEqual(seen);
      seen = count;
      await new Promise(setImmediate);
    }
    expect(await done).toEqual([0, 0, 0, 0]);
    const contents = await contentsOf(path);
    expect(contents.toSorted()).toEqual(
      [0, 1, 2, 3].flatMap((child) => Array.from({ length: 12 }, (_, i) => `child-${child}-${i}`)).toSorted(),
    );
    // The events of one process are in its own order.
    for (const child of [0, 1, 2, 3]) {
      const own = contents.filter((content) => content.startsWith(`child-${child}-`)).map((content) => Number(content.split("-")[2]));
      expect(own).toEqual(own.toSorted((a, b) => a - b));
    }
    expect(
      readdirSync(folder)
        .filter((name) => name.startsWith("many-processes"))
        .sort(),
    ).toEqual(["many-processes.json", "many-processes.json.lock"]);
  }, 60_000);

  test("is not blocked by a process that ended while it held the lock", async () => {
    const path = newMachine("crashed");
    const script = join(import.meta.dir, "extending-child.ts");
    const child = Bun.spawn([process.execPath, script, path, "killed", "hold"], { stdin: "pipe", stdout: "pipe", stderr: "inherit" });
    const reader = child.stdout.getReader();
    expect(new TextDecoder().decode((await reader.read()).value)).toContain("locked");
    expect(await rejectionId(updateSimulatedTd(path, (td) => td, 2))).toBe("tdx.simulated-state-busy");
    child.kill("SIGKILL");
    await child.exited;
    await record(path, "after the crash");
    expect(await contentsOf(path)).toEqual(["after the crash"]);
  }, 60_000);

  test("is busy while somebody keeps the lock, and changes nothing then", async () => {
    const path = newMachine("busy");
    const before = readFileSync(path, "utf8");
    const held = openSync(`${path}.lock`, "a", 0o600);
    try {
      expect(tryLock(held)).toBe(true);
      expect(await rejectionId(updateSimulatedTd(path, (td) => extendSimulatedTd(td, 3, DIGEST), 2))).toBe("tdx.simulated-state-busy");
      expect(readFileSync(path, "utf8")).toBe(before);
    } finally {
      closeSync(held);
    }
    await updateSimulatedTd(path, (td) => extendSimulatedTd(td, 3, DIGEST), 1);
  });

  test("stays as it was where a change is refused", async () => {
    const path = newMachine("refused");
    const before = readFileSync(path, "utf8");
    expect(await rejectionId(simulatedTdxAttester(path).extend!(0, DIGEST))).toBe("tdx.extension-invalid");
    expect(readFileSync(path, "utf8")).toBe(before);
    await record(path, "the lock was let go");
  });
});

describe("an extension of a simulated machine", () => {
  const td = createSimulatedTd({ seed: SEED, now: NOW });

  test("changes its register alone, as hardware does", () => {
    const after = extendSimulatedTd(td, 2, DIGEST);
    expect(after.rtmrs[2]!.toHex()).toBe(SHA384.digest(td.rtmrs[2]!, DIGEST).toHex());
    for (const i of [0, 1, 3]) expect(after.rtmrs[i]).toEqual(td.rtmrs[i]!);
  });

  test("is of RTMR2 or RTMR3, by 48 bytes, while the log has room", () => {
    const refused = (register: number, digest: Uint8Array, data = new Uint8Array(0)) =>
      errorId(() => extendSimulatedTd(td, register, digest, { type: EVENT_TYPE.EV_EVENT_TAG, data }));
    for (const register of [-1, 0, 1, 4, 2.5, Number.NaN]) expect(refused(register, DIGEST)).toBe("tdx.extension-invalid");
    for (const size of [0, 47, 49]) expect(refused(3, new Uint8Array(size))).toBe("tdx.extension-invalid");
    expect(refused(3, DIGEST, new Uint8Array(300 * 1024))).toBe("tdx.extension-invalid");
  });

  test("without an event leaves a record of which nothing is proved, so that no list of events is complete", async () => {
    const attester = simulatedTdxAttester(td);
    await attester.extend!(3, DIGEST);
    const { members } = await verifier.verify(await attester.evidence(REPORT_DATA), { reportData: REPORT_DATA }, anchors, NOW);
    expect(members["measured"]).toMatchObject({ digests: { rtmr_3: [DIGEST.toHex()] } });
    expect(Object.keys(members["measured"] as JsonObject)).not.toContain("runtime_events");
  });
});

test("a machine that an older version made gives quotes without a log, and cannot be extended", async () => {
  const path = newMachine("version-1");
  const { boot_log: _, runtime_log: __, ...state } = JSON.parse(readFileSync(path, "utf8"));
  writeFileSync(path, JSON.stringify({ ...state, version: 1 }));
  const evidence = await simulatedTdxAttester(path).evidence(REPORT_DATA);
  expect(evidence["cc_eventlog"]).toBeNull();
  const { members } = await verifier.verify(evidence, { reportData: REPORT_DATA }, anchors, NOW);
  expect(Object.keys(members)).not.toContain("uefi_event_logs");
  expect(await rejectionId(updateSimulatedTd(path, (td) => extendSimulatedTd(td, 3, DIGEST)))).toBe("tdx.extension-invalid");
  saveSimulatedTd(path, loadSimulatedTd(path));
  expect(JSON.parse(readFileSync(path, "utf8"))).toEqual({ ...state, version: 1 });
});

test("a state whose log does not lead to its registers is refused", () => {
  const path = newMachine("inconsistent");
  const state = JSON.parse(readFileSync(path, "utf8"));
  for (const wrong of [{ rtmrs: [...state.rtmrs].reverse() }, { boot_log: "" }, { boot_log: "AAAA" }, { runtime_log: "AAAA" }]) {
    writeFileSync(path, JSON.stringify({ ...state, ...wrong }));
    expect(errorId(() => loadSimulatedTd(path))).toBe("tdx.simulated-state-invalid");
  }
});
