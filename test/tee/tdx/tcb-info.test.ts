import { describe, expect, test } from "bun:test";
import { z } from "zod";
import { readQeIdentity } from "../../../src/tee/tdx/qe-identity.ts";
import { readTcbInfo } from "../../../src/tee/tdx/tcb-info.ts";
import { haveVectors, vectorText } from "./testing.ts";

const json = (path: string) => JSON.parse(vectorText(path)) as Record<"tcbInfo" | "enclaveIdentity", Record<string, unknown>>;

describe.skipIf(!haveVectors)("documents as the manufacturer serves them", () => {
  test("of TDX, version 3, are read with their levels from high to low", () => {
    for (const [file, fmspc, modules] of [
      ["raw/tcb-tdx-90c06f-2026-02.json", "90c06f000000", true],
      ["raw/tcb-tdx-00a06d08-2025-10.json", "00a06d080000", true],
      ["raw/tcb-tdx-50806f-2023-06.json", "50806f000000", false],
    ] as const) {
      const info = readTcbInfo(json(file).tcbInfo);
      expect(info.id).toBe("TDX");
      expect(info.fmspc.toHex()).toBe(fmspc);
      expect(info.module?.mrSigner.length).toBe(48);
      expect(info.moduleIdentities !== undefined).toBe(modules);
      for (const { sgxComponents, tdxComponents } of info.levels) expect([sgxComponents.length, tdxComponents.length]).toEqual([16, 16]);
      expect(info.levels[0]!.status).toBe("UpToDate");
    }
  });

  test("of the TD quoting enclave are read", () => {
    for (const file of ["raw/qeid-td-2023-06.json", "raw/qeid-td-2025-10.json"]) {
      const identity = readQeIdentity(json(file).enclaveIdentity);
      expect([identity.id, identity.isvProdId]).toEqual(["TD_QE", 2]);
      expect(identity.mrSigner.toHex()).toBe("dc9e2a7c6f948f17474e34a7fc43ed030f7c1563f1babddf6340c82e0e54a8c5");
      expect(identity.attributesMask.toHex()).toBe("fbffffffffffffff0000000000000000");
    }
  });

  test("of SGX, version 2, are read from a member a component, each of which must be there", () => {
    const served = json("intel-sgx-sample/tcbInfo.json").tcbInfo;
    const info = readTcbInfo(served);
    expect(info.id).toBe("SGX");
    expect(info.fmspc.toHex()).toBe("00707f000000");
    expect(info.levels[0]).toMatchObject({ sgxComponents: [0, 3, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0], pceSvn: 3, tdxComponents: [] });
    const broken = structuredClone(served) as { tcbLevels: { tcb: Record<string, unknown> }[] };
    delete broken.tcbLevels[0]!.tcb["sgxtcbcomp16svn"];
    expect(() => readTcbInfo(broken)).toThrow(z.ZodError);
  });
});
