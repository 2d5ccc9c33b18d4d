import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { rcarRuntimeData, reportDataOf } from "../../../src/protocol/index.ts";
import { evidenceFor, selectAttester } from "../../../src/roles/agent/index.ts";
import { createSimulatedTd, parseQuote, saveSimulatedTd, tdxPaths } from "../../../src/tee/tdx/index.ts";
import { NOW, TID, teeKey, utf8 } from "../../protocol/samples.ts";
import { asyncRejection } from "../../rejection.ts";
import { FakeAttester } from "./fake-trustee.ts";

const folder = mkdtempSync(join(tmpdir(), "attester-"));
afterAll(() => rmSync(folder, { recursive: true }));

describe("where evidence comes from", () => {
  test("nothing falls back to a simulated platform: a machine without TEE is told what was looked for", async () => {
    const { id, expected, hint } = await asyncRejection(selectAttester({ tdx: { paths: tdxPaths(folder) } }));
    expect(id).toBe("agent.no-tee");
    expect(expected).toBe(
      `configfs-tsm for tdx_guest at ${folder}/sys/kernel/config/tsm/report, or one of ${["tdx_guest", "tdx-guest", "tdx-attest"].map((name) => `${folder}/dev/${name}`).join(", ")}`,
    );
    expect(hint).toContain("cai doctor");
  });

  test("hardware is taken where it is there, and a simulated platform only where it is named beside it", async () => {
    mkdirSync(join(folder, "dev"), { recursive: true });
    writeFileSync(join(folder, "dev/tdx_guest"), "");
    const tdx = { paths: tdxPaths(folder) };
    expect(await selectAttester({ tdx })).toMatchObject({ tee: "tdx", simulated: false });
    const path = join(folder, "beside.json");
    saveSimulatedTd(path, createSimulatedTd({ seed: new Uint8Array(32).fill(7), now: NOW }));
    expect(await selectAttester({ tdx, simulatedTdx: path })).toMatchObject({ tee: "tdx", simulated: true });
    rmSync(join(folder, "dev"), { recursive: true });
  });

  test("a simulated TD that is named gives a quote over the report data, and says that it is simulated", async () => {
    const path = join(folder, "machine.json");
    saveSimulatedTd(path, createSimulatedTd({ seed: new Uint8Array(32).fill(7), now: NOW }));
    const attester = await selectAttester({ simulatedTdx: path });
    expect(attester).toMatchObject({ tee: "tdx", simulated: true });
    const { quote } = await evidenceFor(attester, { reportData: utf8("mine") });
    const { report } = parseQuote(Buffer.from(String(quote), "base64")).body;
    expect(Buffer.from(report.reportData).toString()).toBe("mine".padEnd(64, "\0"));
  });

  test("a state that is missing is said to be", async () => {
    expect((await asyncRejection(selectAttester({ simulatedTdx: join(folder, "none.json") }))).id).toBe("cli.input-unreadable");
  });
});

describe("evidence for others", () => {
  const evidenceOf = async (subject: Parameters<typeof evidenceFor>[1]) => evidenceFor(new FakeAttester(), subject);

  test("is over their bytes, zero-filled, or over the digest of their data", async () => {
    expect(await evidenceOf({ reportData: new Uint8Array([1]) })).toEqual({ report_data: `01${"00".repeat(63)}` });
    const runtimeData = { anything: "else" };
    const { report_data } = await evidenceOf({ runtimeData, hash: "sha256" });
    expect(report_data).toBe(Buffer.from(reportDataOf(runtimeData, "sha256")).toString("hex"));
  });

  test("is never over data that passes for the agent's own, however it is asked for", async () => {
    const attester = new FakeAttester();
    const own = rcarRuntimeData({ nonce: "live", teeKey, additionalEvidence: "", tid: TID });
    for (const subject of [
      { runtimeData: own, hash: "sha384" as const },
      { reportData: reportDataOf(own, "sha384") },
      { reportData: reportDataOf(own, "sha384").subarray(0, 59) },
      { reportData: Buffer.concat([new Uint8Array(48), utf8("cai/v1/")]) },
    ]) {
      expect((await asyncRejection(evidenceFor(attester, subject))).id).toBe("agent.report-data-reserved");
    }
    expect(attester.reportData).toEqual([]);
  });

  test("over an own key and a live nonce is untagged at best, and a trustee that negotiated tags does not take that", async () => {
    const attester = new FakeAttester();
    const forged = rcarRuntimeData({ nonce: "live", teeKey, additionalEvidence: "" });
    await evidenceFor(attester, { runtimeData: forged, hash: "sha384" });
    const wanted = reportDataOf(rcarRuntimeData({ nonce: "live", teeKey, additionalEvidence: "", tid: TID }), "sha384");
    expect(attester.reportData[0]).not.toEqual(wanted);
  });

  test("is refused over more bytes than evidence carries", async () => {
    expect((await asyncRejection(evidenceOf({ reportData: new Uint8Array(65) }))).id).toBe("agent.report-data-length");
  });
});
