import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadAnchors, parseBundle, verifyQuote } from "../../src/tee/tdx/index.ts";
import { errorId } from "../crypto/certificate-testing.ts";
import { caiJson, removeScratch } from "./cai.ts";

let folder: string;
let machine: string[];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "cai-simulator-"));
  const made = await caiJson(["sim", "tdx", "init", "--out", join(folder, "sim")]);
  machine = ["--machine", String(made["machine"])];
});
afterAll(() => removeScratch(folder));

/** What the verifier says of a quote and collateral that the executable made. */
async function verdict(quoteFlags: readonly string[], collateralFlags: readonly string[]): Promise<string> {
  const { quote } = await caiJson(["sim", "tdx", "quote", ...machine, "--report-data", "00", ...quoteFlags]);
  const bundle = await caiJson(["sim", "tdx", "collateral", ...machine, ...collateralFlags]);
  const anchors = [loadAnchors(readFileSync(join(folder, "sim/anchor.pem")), true)];
  let status = "";
  const id = errorId(() => {
    const now = Math.floor(Date.now() / 1000);
    const bytes = Uint8Array.fromHex(String(quote));
    status = verifyQuote(bytes, parseBundle(JSON.stringify(bundle)), { now, anchors, expired: "reject" }).tcb.launch.status;
  });
  return id ?? status;
}

for (const [what, quoteFlags, collateralFlags, expected] of [
  ["a machine in good standing", [], [], "UpToDate"],
  ["an enclave on it", ["--tee", "sgx", "--quote-version", "4"], ["--tee", "sgx"], "UpToDate"],
  ["an old platform", ["--components", "2,2,2,2,2,2,2,2", "--pce-svn", "11"], [], "OutOfDate"],
  ["an old quoting enclave", ["--qe-svn", "5"], ["--platform-status", "ConfigurationNeeded"], "OutOfDateConfigurationNeeded"],
  [
    "a module updated under a running TD",
    ["--quote-version", "5", "--tee-tcb-svn", "050104", "--tee-tcb-svn2", "070104"],
    [],
    "TDRelaunchAdvised",
  ],
  ["a revoked module", [], ["--module-status", "Revoked"], "tdx.tcb-revoked"],
  ["a revoked machine", [], ["--revoked", "pck"], "tdx.pck-revoked"],
  ["collateral that is past", [], ["--valid-for", "-1"], "tdx.collateral-expired"],
] as const) {
  test(`the simulator shows ${what}: ${expected}`, async () => {
    expect(await verdict(quoteFlags, collateralFlags)).toBe(expected);
  });
}
