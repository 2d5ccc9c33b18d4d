import { describe, expect, test } from "bun:test";
import {
  COLLATERAL_KNOBS,
  collateralKnobs,
  enclaveKnobs,
  machineKnobs,
  QUOTE_KNOBS,
  quoteKnobs,
} from "../../../src/roles/sim/commands/tdx-knobs.ts";
import type { FlagSpec } from "../../../src/system/index.ts";
import { errorId } from "../../crypto/certificate-testing.ts";

const unset = <Flags extends Record<string, FlagSpec>>(flags: Flags) =>
  Object.fromEntries(Object.keys(flags).map((name) => [name, undefined])) as { [Name in keyof Flags]: undefined };
const quoteFlags = (given: Partial<Parameters<typeof quoteKnobs>[0]>) => ({ ...unset(QUOTE_KNOBS), ...given });
const collateralFlags = (given: Partial<Parameters<typeof collateralKnobs>[0]>) => ({ ...unset(COLLATERAL_KNOBS), ...given });

describe("the flags of a simulated quote", () => {
  test("change nothing where none is given", () => {
    expect([machineKnobs(quoteFlags({})), quoteKnobs(quoteFlags({})), enclaveKnobs(quoteFlags({}))]).toEqual([{}, {}, {}]);
  });

  test("are read into what they name, filled with zeros", () => {
    const flags = quoteFlags({
      components: "3,255,0",
      "pce-svn": 11,
      "qe-svn": 5,
      "qe-attributes": "17",
      "quote-version": 5,
      "body-type": 4,
      "tee-tcb-svn": "050104",
      "tee-tcb-svn2": "070104",
      "seam-attributes": "01",
      "mr-service-td": "AB",
    });
    expect(machineKnobs(flags)).toEqual({
      components: [3, 255, ...Array<number>(14).fill(0)],
      pceSvn: 11,
      qeSvn: 5,
      qeAttributes: Uint8Array.of(0x17, ...Array<number>(15).fill(0)),
    });
    expect(quoteKnobs(flags)).toEqual({
      version: 5,
      bodyType: 4,
      teeTcbSvn: Uint8Array.of(5, 1, 4),
      teeTcbSvn2: Uint8Array.of(7, 1, 4),
      seamAttributes: Uint8Array.of(1),
      mrServiceTd: Uint8Array.of(0xab),
    });
    expect(enclaveKnobs(flags)).toEqual({ version: 5 });
  });

  test("of another form are refused", () => {
    for (const components of ["", "3,", "256", "-1", "1.5", "x", Array(17).fill("1").join()]) {
      expect(errorId(() => machineKnobs(quoteFlags({ components })))).toBe("cli.setting-invalid");
    }
    for (const given of [
      { "tee-tcb-svn": "0" },
      { "tee-tcb-svn": "00".repeat(17) },
      { "tee-tcb-svn2": "zz" },
      { "seam-attributes": "00".repeat(9) },
      { "mr-service-td": "00".repeat(49) },
      { "quote-version": 3 },
    ]) {
      expect(errorId(() => quoteKnobs(quoteFlags(given)))).toBe("cli.setting-invalid");
    }
    expect(errorId(() => machineKnobs(quoteFlags({ "qe-attributes": "00".repeat(17) })))).toBe("cli.setting-invalid");
  });
});

describe("the flags of simulated collateral", () => {
  test("change nothing where none is given", () => {
    expect(collateralKnobs(collateralFlags({}))).toEqual({});
  });

  test("are read into what they name", () => {
    const flags = collateralFlags({
      "platform-status": "ConfigurationNeeded",
      "module-status": "Revoked,Revoked",
      "qe-status": "Anything,Else",
      revoked: "pck,tcb-signing",
      "valid-for": -1,
      "evaluation-numbers": "21",
    });
    expect(collateralKnobs(flags)).toEqual({
      platformStatus: ["ConfigurationNeeded", "OutOfDate"],
      moduleStatus: ["Revoked", "Revoked"],
      qeStatus: ["Anything", "Else"],
      revoked: ["pck", "tcb-signing"],
      window: -1,
      evaluationNumbers: [21, 21],
    });
    expect(collateralKnobs(collateralFlags({ "evaluation-numbers": "20,19" }))).toEqual({ evaluationNumbers: [20, 19] });
  });

  test("of another form are refused", () => {
    for (const given of [
      { "platform-status": "a,b,c" },
      { revoked: "root" },
      { revoked: "" },
      { "evaluation-numbers": "1,2,3" },
      { "evaluation-numbers": "-1" },
      { "evaluation-numbers": "x" },
    ]) {
      expect(errorId(() => collateralKnobs(collateralFlags(given)))).toBe("cli.setting-invalid");
    }
  });
});
