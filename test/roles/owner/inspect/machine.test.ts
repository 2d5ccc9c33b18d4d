import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { explainArtefact } from "../../../../src/roles/owner/inspect/registry.ts";
import { createSimulatedTd, simulatedEventLog } from "../../../../src/tee/tdx/index.ts";
import { changed, errorId, haveVectors, NOW, REPORT_DATA, SEED, vector } from "../../../tee/tdx/testing.ts";

const digest = (bytes: Uint8Array): Uint8Array => createHash("sha384").update(bytes).digest();

/** A TDREPORT whose digests are of its own parts. */
function madeReport(): Uint8Array {
  const bytes = new Uint8Array(1024);
  bytes.set([0x81, 0, 1, 0]);
  bytes.set(REPORT_DATA, 128);
  bytes.fill(3, 528, 576);
  bytes.set(digest(bytes.subarray(256, 495)), 32);
  bytes.set(digest(bytes.subarray(512, 1024)), 80);
  return bytes;
}

describe("a TDREPORT", () => {
  test("is explained by its parts, and its digests are looked at", () => {
    const { kind, json } = explainArtefact(madeReport());
    expect(kind).toBe("TDREPORT of a TDX module");
    expect(json).toMatchObject({
      reportmacstruct: { report_data: REPORT_DATA.toHex() },
      tdinfo: { mr_td: "03".repeat(48) },
      digests_agree: true,
    });
    expect(explainArtefact(changed(madeReport(), (copy) => copy.set([1], 600))).json).toMatchObject({ digests_agree: false });
  });

  test.skipIf(!haveVectors)("of a real machine agrees with itself", () => {
    expect(explainArtefact(vector("raw/tdreport-coco.bin")).json).toMatchObject({ digests_agree: true });
  });
});

describe("the CCEL table", () => {
  const table = (): Uint8Array => {
    const bytes = new Uint8Array(56);
    bytes.set(new TextEncoder().encode("CCEL"));
    bytes[4] = 56;
    bytes[36] = 2;
    new DataView(bytes.buffer).setBigUint64(40, 262_144n, true);
    bytes[9] = (256 - bytes.reduce((sum, byte) => (sum + byte) & 0xff, 0)) & 0xff;
    return bytes;
  };

  test("says whose log lies where", () => {
    expect(explainArtefact(table()).json).toMatchObject({ cc_type: "Intel TDX", log_length: "262144", checksum: "good" });
    expect(explainArtefact(changed(table(), (copy) => copy.set([7], 50))).json).toMatchObject({ checksum: "bad" });
  });

  test("is refused where it is cut short or of another length", () => {
    for (let size = 4; size < 56; size++)
      expect(errorId(() => explainArtefact(table().subarray(0, size)))).toBe("owner.artefact-malformed");
    expect(errorId(() => explainArtefact(changed(table(), (copy) => copy.set([57], 4))))).toBe("owner.artefact-malformed");
  });
});

describe("an event log", () => {
  const log = simulatedEventLog(createSimulatedTd({ seed: SEED, now: NOW }))!;

  test("is a table of its records, with the registers that it leads to", () => {
    const { kind, json, sections } = explainArtefact(log);
    expect(kind).toBe("event log");
    expect(json).toMatchObject({ algorithms: expect.arrayContaining(["SHA-384"]), registers: { rtmr_3: "00".repeat(48) } });
    const [head, ...rows] = sections[1]!.rows;
    expect(head).toEqual(["", "register", "type", "SHA-384", "data", "says"]);
    expect(rows.length).toBe((json["events"] as unknown[]).length);
    expect(rows.some((row) => row[1] === "RTMR0" && row[2] === "EV_EFI_VARIABLE_DRIVER_CONFIG" && row[4] === "proved")).toBe(true);
  });

  test("is refused where it ends within a record", () => {
    expect(errorId(() => explainArtefact(log.subarray(0, 200)))).toBe("eventlog.malformed");
  });
});
