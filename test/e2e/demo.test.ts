import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cai, caiError, hasFuse, removeScratch, scratch } from "./cai.ts";

interface Proof {
  readonly claim: string;
  readonly held: boolean;
  readonly detail: string;
}

/** What the demo promises to refuse, and the id that has to be the reason. */
const REFUSALS: Record<string, string> = {
  "a changed kernel gets no key": "kbs.policy-denied",
  "a quote with one changed bit": "tdx.quote-signature-invalid",
  "evidence replayed under another nonce": "tdx.report-data-mismatch",
  "a nonce that was used before": "kbs.nonce-spent",
  "an administrator's call without a signature": "admin.unauthenticated",
  "a stolen token opens nothing": "agent.response-not-for-us",
  "a production store takes no simulated root": "trustee.simulated-anchor",
  "a simulated quote at a production trustee": "tdx.untrusted-root",
};

describe("cai demo", () => {
  test("proves everything, each refusal by its id, and leaves nothing behind", async () => {
    const before = readdirSync(tmpdir()).filter((name) => name.startsWith("cai-demo-"));
    const { status, stdout, stderr } = await cai(["demo", "--json"]);
    expect(stderr).toBe("");
    expect(status).toBe(0);
    const { held, proofs } = JSON.parse(stdout) as { held: boolean; proofs: Proof[] };
    expect(held).toBe(true);
    expect(proofs.filter((proof) => !proof.held)).toEqual([]);
    for (const [claim, id] of Object.entries(REFUSALS))
      expect(proofs.find((proof) => proof.claim === claim)?.detail).toBe(`refused, ${id}`);
    expect(proofs.find((proof) => proof.claim.startsWith("every byte"))?.detail).toMatch(/^\d+ files, 1342\d+ bytes$/);
    if (hasFuse) expect(proofs.map((proof) => proof.claim)).toContain("later reads come from the page cache");
    expect(readdirSync(tmpdir()).filter((name) => name.startsWith("cai-demo-"))).toEqual(before);
  }, 120_000);

  test("takes the user's own model, narrates, ends with the table, and keeps its folder when asked to", async () => {
    const folder = scratch();
    const model = join(folder, "my-model");
    mkdirSync(model);
    writeFileSync(join(model, "weights.gguf"), crypto.getRandomValues(new Uint8Array(60_000)));
    const { status, stdout } = await cai(["demo", "--model", model, "--keep"], { env: { TMPDIR: folder } });
    expect(status).toBe(0);
    expect(stdout).toContain("The model is yours.");
    expect(stdout.split("\nWhat was proved\n")[1]?.match(/^✓ {2}/gm)?.length).toBeGreaterThanOrEqual(13);
    const kept = /\nkept: (.*)\n/.exec(stdout)?.[1] ?? "";
    expect(existsSync(join(kept, "cloud", "enc.tar"))).toBe(true);
    expect(readdirSync(model)).toEqual(["weights.gguf"]);
    removeScratch(folder);
  }, 120_000);

  test("ends where a step does not work, and says which and why", async () => {
    const folder = scratch();
    Bun.spawnSync(["mkfifo", join(folder, "pipe")]);
    const { status, id, error } = await caiError(["demo", "--model", folder]);
    expect([status, id]).toEqual([1, "demo.step-failed"]);
    expect(error["got"]).toContain("model.input-unsupported");
    removeScratch(folder);
  }, 60_000);

  test("fails where something could not be proved: a model too small to search for", async () => {
    const folder = scratch();
    writeFileSync(join(folder, "tiny"), "tiny");
    const { status, id, error } = await caiError(["demo", "--model", folder]);
    expect([status, id, error["got"]]).toEqual([1, "demo.not-proved", "no plaintext and no key on disk"]);
    removeScratch(folder);
  }, 60_000);

  test("refuses a model that is not there", async () => {
    expect(await caiError(["demo", "--model", "/not-there"])).toMatchObject({ status: 2, id: "cli.input-unreadable" });
  });
});
