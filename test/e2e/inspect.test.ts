import { afterAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { haveVectors, vectorPath } from "../tee/tdx/testing.ts";
import { CAI, cai, caiError, caiJson, removeScratch, scratch } from "./cai.ts";

setDefaultTimeout(60_000);
const folder = scratch();
afterAll(() => removeScratch(folder));

describe("cai inspect", () => {
  test("explains what this program makes, and says that nothing was verified", async () => {
    const sim = join(folder, "sim");
    await caiJson(["sim", "tdx", "init", "--out", sim]);
    const machine = ["--simulated-tdx", join(sim, "machine.json")];
    const evidence = join(folder, "evidence.json");
    writeFileSync(evidence, JSON.stringify(await caiJson(["agent", "evidence", "--report-data", "aa", ...machine])));
    const plain = join(folder, "plain");
    writeFileSync(plain, "weights");
    const model = join(folder, "enc.tar");
    await caiJson(["model", "encrypt", plain, "-o", model, "--key-file", join(folder, "key")]);
    for (const [path, kind] of [
      [join(sim, "anchor.pem"), "X.509 certificate"],
      [join(sim, "collateral.json"), "collateral of a TDX platform"],
      [evidence, "evidence with a TDX quote, version 4 and an event log"],
      [model, "encrypted model"],
    ] as const) {
      expect(await caiJson(["inspect", path])).toMatchObject({ kind, verified: false });
      const { status, stdout } = await cai(["inspect", path]);
      expect([status, stdout.split("\n")[0]]).toEqual([0, `${kind}. Nothing was verified.`]);
    }
    const { slots: shown, ...rest } = await caiJson(["model", "inspect", model]);
    expect(await caiJson(["inspect", model])).toMatchObject({ ...rest, slots: shown as never });
  });

  test("reads standard input and a server", async () => {
    const pem = join(folder, "sim", "anchor.pem");
    const piped = Bun.spawn([CAI, "inspect", "-", "--json"], { stdin: Bun.file(pem), stdout: "pipe" });
    expect(JSON.parse(await new Response(piped.stdout).text())).toMatchObject({ kind: "X.509 certificate" });
    using server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response(Bun.file(pem)) });
    expect(await caiJson(["inspect", `http://127.0.0.1:${server.port}/anchor`])).toMatchObject({ kind: "X.509 certificate" });
  });

  test("tells what it cannot read from what it does not know", async () => {
    const unknown = join(folder, "unknown");
    writeFileSync(unknown, "\u001b[31mhello");
    expect(await caiError(["inspect", unknown])).toMatchObject({ status: 1, id: "owner.artefact-unknown", stdout: "" });
    expect(await caiError(["inspect", join(folder, "none")])).toMatchObject({ status: 2, id: "cli.input-unreadable", stdout: "" });
    expect(await caiError(["inspect", folder])).toMatchObject({ status: 2, id: "cli.input-unreadable", stdout: "" });
    expect(await caiError(["inspect"])).toMatchObject({ status: 2, id: "cli.usage" });
  });

  test.skipIf(!haveVectors)("explains artefacts of real machines", async () => {
    for (const [path, kind] of [
      ["quotes/tdx-v5-90c06f-aliyun.bin", "TDX quote, version 5"],
      ["quotes/sgx-v3-00606a-automata.bin", "SGX quote, version 3"],
      ["ccel/alibabacloud-aael.bin", "event log"],
      ["ccel/cos113-acpi-table.bin", "CCEL table"],
      ["raw/tdreport-coco.bin", "TDREPORT of a TDX module"],
      ["raw/pckcrl-platform-2023-06.der", "certificate revocation list"],
      ["raw/tcb-tdx-90c06f-2026-02.json", "TDX TCB info"],
      ["raw/qeid-td-2025-10.json", "TD_QE identity"],
      ["intel-sgx-sample/pckCert.pem", "X.509 certificate"],
    ]) {
      expect(await caiJson(["inspect", vectorPath(path!)])).toMatchObject({ kind: kind!, verified: false });
    }
  });
});
