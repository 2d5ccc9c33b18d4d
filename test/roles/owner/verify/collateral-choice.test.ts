import { describe, expect, test } from "bun:test";
import { collateralOfFile } from "../../../../src/roles/owner/verify/collateral-choice.ts";
import type { CollateralRequest } from "../../../../src/tee/tdx/index.ts";
import { errorId, platform } from "../../../tee/tdx/testing.ts";

const request: CollateralRequest = { tee: "tdx", fmspc: "00cafe000000", ca: "platform", anchor: "", simulated: true };
const bundle = JSON.parse(platform.bundle()) as Record<string, string>;
const labelled = (ca: string) => ({ tee: "tdx", fmspc: "00cafe000000", ca, update: "standard", origin: "x", fetched: "x", ...bundle });

describe("collateral of a file", () => {
  test("is its only set, whatever the machine, and brings a chain where there is one", async () => {
    const { source, pckChain } = collateralOfFile(JSON.stringify({ ...bundle, pck_certificate_chain: "chain" }));
    expect((await source({ ...request, fmspc: "ffffffffffff" })).tcbInfo).toBe(bundle["tcb_info"]!);
    expect(pckChain).toBe("chain");
  });

  test("is the machine's own of several", async () => {
    const { source, pckChain } = collateralOfFile(
      JSON.stringify({ cai_collateral: 1, sets: [labelled("processor"), labelled("platform")] }),
    );
    expect((await source(request)).tcbInfo).toBe(bundle["tcb_info"]!);
    expect(pckChain).toBeUndefined();
    for (const other of [{ fmspc: "ffffffffffff" }, { tee: "sgx" as const }]) {
      expect(errorId(() => source({ ...request, ...other }))).toBe("tdx.collateral-unknown");
    }
  });

  test("that is none is refused", () => {
    for (const text of ["{}", "x", '{"cai_collateral":2}']) expect(errorId(() => collateralOfFile(text))).toBe("tdx.collateral-malformed");
  });
});
