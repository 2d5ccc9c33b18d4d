import { afterAll, describe, expect, test } from "bun:test";
import { chmodSync, readdirSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { JsonObject } from "../../src/system/index.ts";
import { aaelEvent, encodeLogEvent, SHA384 } from "../../src/tee/eventlog/index.ts";
import { parseBundle, parseQuote, tdxVerifier } from "../../src/tee/tdx/index.ts";
import { FakeGuest } from "../tee/tdx/attest/fakes/fake-guest.ts";
import { canMount, GuestKernel } from "../tee/tdx/attest/fakes/guest-kernel.ts";
import { QgsServer } from "../tee/tdx/attest/fakes/qgs-server.ts";
import { anchors, NOW } from "../tee/tdx/testing.ts";
import { caiError, caiJson } from "./cai.ts";

const REPORT_DATA = "ab".repeat(48);
const ZERO = new Uint8Array(48);

/** Verifies evidence as a trustee does that takes the platform of the fakes. */
function verified(evidence: Record<string, unknown>) {
  const verifier = tdxVerifier({ collateral: async () => parseBundle(FakeGuest.platform.bundle()), expired: "reject" });
  const reportData = new Uint8Array(64);
  reportData.set(Uint8Array.fromHex(REPORT_DATA));
  return verifier.verify(evidence as JsonObject, { reportData }, anchors, NOW);
}

function registerIn(evidence: Record<string, unknown>): string | undefined {
  const { body } = parseQuote(Buffer.from(String(evidence["quote"]), "base64"));
  return body.kind === "td" ? body.report.rtmr3.toHex() : undefined;
}

describe.skipIf(!canMount)("the compiled agent on TDX hardware, as fakes of its kernel and host show it", () => {
  const { data, digest } = aaelEvent({ domain: "cai", operation: "model", content: "sha256:00" }, SHA384);
  const runtimeLog = encodeLogEvent({ index: 4, type: 6, digests: [{ algorithm: "SHA-384", digest }], data });
  const tsm = canMount ? GuestKernel.start() : undefined!;
  const logged = canMount ? GuestKernel.start({ runtimeLog }, [ZERO, ZERO, ZERO, ZERO]) : undefined!;
  const device = canMount ? GuestKernel.start({ configfs: false, measurements: false }) : undefined!;
  const qgs = new QgsServer();
  afterAll(async () => {
    qgs.stop();
    for (const kernel of [tsm, logged, device]) await kernel?.stop();
  });
  const evidence = ["agent", "evidence", "--report-data", REPORT_DATA];
  const from = (kernel: GuestKernel, ...flags: string[]) => [...evidence, "--tdx-root", kernel.root, ...flags];

  test("gives evidence through configfs-tsm that verifies under the platform's anchor, and leaves no entry behind", async () => {
    const given = await caiJson(from(tsm));
    expect(await verified(given)).toMatchObject({ tee: "tdx", simulated: true, reportData: REPORT_DATA.padEnd(128, "0") });
    expect(given["cc_eventlog"]).toBeNull();
    expect(readdirSync(tsm.paths.configfsRoot)).toEqual([]);
  });

  test("shows an extended register in its next quote, and a log that replays to it", async () => {
    const before = registerIn(await caiJson(from(logged)));
    expect(before).toBe("00".repeat(48));
    await writeFile(join(logged.paths.sysfsMeasurements, "rtmr3:sha384"), digest);
    const after = await caiJson(from(logged));
    expect(registerIn(after)).not.toBe(before);
    const { members } = await verified(after);
    expect(JSON.stringify(members)).toContain("sha256:00");
  });

  test("takes the runtime log from where other agents' variable says", async () => {
    const log = join(dirname(tsm.root), "eventlog");
    await writeFile(log, runtimeLog);
    const given = await caiJson(from(tsm), { env: { AAEL_PATH: log } });
    expect(Buffer.from(String(given["cc_eventlog"]), "base64").includes(runtimeLog)).toBe(true);
  });

  test("gives evidence through the guest device and the host's service", async () => {
    const given = await caiJson(from(device, "--qgs", `unix:${qgs.address.path}`));
    expect((await verified(given)).reportData).toBe(REPORT_DATA.padEnd(128, "0"));
    expect(qgs.requests).toHaveLength(1);
    qgs.fault = { kind: "error", code: 0x12001 };
    const { status, id } = await caiError(from(device, "--quote-source", "vsock", "--qgs", `unix:${qgs.address.path}`));
    expect([status, id]).toEqual([1, "tdx.qgs-refused"]);
    qgs.fault = undefined;
  });

  test("says what is missing where no way works, and refuses what it must not sign", async () => {
    const none = await caiError(from(device));
    expect([none.status, none.id]).toEqual([1, "tdx.quote-unavailable"]);
    expect(none.message).toContain("configfs: tdx.configfs-unusable");
    const reserved = `${"00".repeat(48)}${Buffer.from("cai/v1/rcar").toString("hex")}`;
    expect((await caiError(["agent", "evidence", "--report-data", reserved, "--tdx-root", tsm.root])).id).toBe(
      "agent.report-data-reserved",
    );
    expect(await caiError(from(tsm, "--qgs", "4050"))).toMatchObject({ status: 2, id: "cli.setting-invalid" });
    expect(await caiError([...evidence, "--tdx-root", "/nonexistent"])).toMatchObject({ status: 1, id: "agent.no-tee" });
  });

  test("takes no place of its interfaces from a variable, which could steer events past the registers", async () => {
    const { status, id } = await caiError(evidence, { env: { CAI_TDX_ROOT: tsm.root } });
    expect([status, id]).toEqual([2, "cli.setting-invalid"]);
  });

  test("tells a user who is not root that only root gets evidence", async () => {
    chmodSync(dirname(tsm.root), 0o755);
    const { id, error } = await caiError(from(tsm, "--quote-source", "configfs"), { uid: 65_534 });
    expect([id, error["got"]]).toEqual(["tdx.configfs-unusable", expect.stringContaining("run as root")]);
  });
});
