import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { canMount, GuestKernel } from "../tee/tdx/attest/fakes/guest-kernel.ts";
import { cai, caiError, caiJson, removeScratch, type Started, scratch, start, stopAll } from "./cai.ts";

interface Found {
  readonly id: string;
  readonly severity: string;
  readonly message: string;
  readonly mend?: string;
}

const folder = scratch();
let trustee: Started;
beforeAll(async () => {
  trustee = await start(["trustee", "serve", "--data", join(folder, "trustee"), "--listen", "127.0.0.1:0"]);
});
afterAll(async () => {
  await stopAll();
  removeScratch(folder);
});

const diagnosis = async (...args: string[]) => {
  const { findings, assurance } = await caiJson(["doctor", "--offline", ...args]);
  const severity = (id: string) => (findings as Found[]).find((finding) => finding.id === id)?.severity;
  return { severity, assurance: assurance as { reachable: string; lacks: string[] } };
};

describe("cai doctor", () => {
  test("ends with 0 whatever it finds, in words and as one document", async () => {
    const said = await cai(["doctor", "--offline"]);
    expect([said.status, said.stderr]).toEqual([0, ""]);
    expect(said.stdout).toContain("Assurance: ");
    const { status, stdout } = await cai(["doctor", "--offline", "--json"]);
    expect([status, Object.keys(JSON.parse(stdout))]).toEqual([0, ["assurance", "findings", "failed_checks"]]);
  });

  test("claims nothing for a machine that is no TEE", async () => {
    const { severity, assurance } = await diagnosis("--tdx-root", folder);
    expect([severity("platform.none"), assurance.reachable]).toEqual(["problem", "none"]);
  });

  test("asks the sources of collateral that it is told", async () => {
    const { findings } = await caiJson(["doctor", "--collateral-source", "http://127.0.0.1:9"]);
    expect((findings as Found[]).find(({ id }) => id === "collateral.reachable")).toMatchObject({
      severity: "info",
      message: expect.stringContaining("no source of collateral answers"),
    });
  });

  test("says whether the trustee answers, and whose clock is wrong", async () => {
    const { severity } = await diagnosis("--trustee", String(trustee.ready["url"]));
    expect([severity("trustee.reachable"), severity("clock.agrees")]).toEqual(["ok", "ok"]);
    expect((await diagnosis("--trustee", "http://127.0.0.1:9")).severity("trustee.reachable")).toBe("problem");
    expect(await caiError(["doctor", "--trustee", "ftp://x"])).toMatchObject({ status: 2, id: "cli.setting-invalid" });
  });

  test.skipIf(!canMount)("finds the way to a quote on TDX hardware, as a fake of its kernel shows it", async () => {
    const kernel = GuestKernel.start();
    const { severity, assurance } = await diagnosis("--tdx-root", kernel.root);
    await kernel.stop();
    expect([severity("platform.tdx"), severity("quote.configfs"), severity("registers.extend")]).toEqual(["ok", "ok", "ok"]);
    expect(assurance.reachable).toBe("L1");
  });
});
