import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { jcs } from "../../../src/crypto/index.ts";
import type { JsonObject, JsonValue } from "../../../src/system/index.ts";
import {
  aaelEvent,
  EVENT_TYPE,
  encodeEfiVariable,
  eventLogClaims,
  parseEventLog,
  replayEventLog,
  SHA384,
} from "../../../src/tee/eventlog/index.ts";
import { SM3 } from "./sm3.ts";
import { changed, expectedClaims, haveLogs, joined, logFile, logOf, type TestRecord, utf8 } from "./testing.ts";

const claimsOf = (...records: readonly TestRecord[]): JsonObject[] => eventLogClaims(parseEventLog(logOf(...records)), SHA384);
const detailsOf = (one: TestRecord): JsonValue | undefined => claimsOf(one)[0]!["details"];
const utf16 = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "utf16le"));
const canonical = (value: unknown): string => Buffer.from(jcs(value as JsonValue)).toString();
/** The claim without the members that are not upstream's. */
const upstream = ({ verified_payload: _, ...claim }: JsonObject): JsonObject => claim;
const NOT_OF_THE_DATA = new Uint8Array(48).fill(1);

describe.skipIf(!haveLogs)("the claims of real logs", () => {
  for (const [log, expected, payloads] of [
    ["tdx/ccel/alibabacloud-aael.bin", "tdx/ccel/alibabacloud-aael.expected.json", 60],
    ["tdx/ccel/grub-ubuntu.bin", "tdx/ccel/grub-ubuntu.expected.json", 3],
    ["tdx/ccel/ovmf-direct.bin", "tdx/ccel/ovmf-direct.expected.json", 2],
    ["tdx/ccel/td-shim.bin", "tdx/ccel/tdshim-quote4-claims.expected.json", 2],
  ] as const) {
    test(`${log} are upstream's, byte for byte, and prove ${payloads} parts of events besides`, () => {
      const claims = eventLogClaims(parseEventLog(logFile(log)), SHA384);
      expect(canonical(claims.map(upstream))).toBe(canonical(expectedClaims(expected)));
      const parts = claims.filter((claim) => claim["verified_payload"] !== undefined);
      expect(parts.length).toBe(payloads);
      for (const { verified_payload, digests, digest_matches_event } of parts) {
        const [{ digest }] = digests as [{ digest: string }];
        expect(SHA384.digest(Buffer.from(String(verified_payload), "base64")).toHex()).toBe(digest);
        expect(digest_matches_event).toBe(false);
      }
    });
  }

  test("of another platform are upstream's too, with that platform's hash", () => {
    const log = parseEventLog(logFile("csv/ccel-csv.bin"));
    const claims = eventLogClaims(log, SM3).map(({ digest_matches_event: _, ...claim }) => upstream(claim));
    expect(canonical(claims)).toBe(canonical(expectedClaims("csv/ccel-csv.expected.json")));
    expect([...replayEventLog(log, SM3).values()].map((value) => value.toHex())).toEqual([
      "d76c4b289abcdf0e904ac02df69d48cdc9047723024a605ecb17ecbcb9fb62e3",
      "0559c2040dc2045fe06015787de4d4b4d8636a99d298046c52700a100f1fdb64",
      "287078930b845b372d7a9504f34d09db7a1ca65c17f59c86fb388bdb4a2bb994",
      "00".repeat(32),
    ]);
  });

  test("of Google's loaders are the texts of their events", () => {
    const strings = eventLogClaims(parseEventLog(logFile("tdx/ccel/cos113.bin")), SHA384).map(
      ({ details }) => (details as { string?: string }).string,
    );
    expect(strings).toContain("grub_cmd: set timeout=0");
    expect(strings).toContain("/efi/boot/grub.cfg");
  });
});

describe("a claim is made", () => {
  test("only of what a register covers", () => {
    const uncovered = [
      { index: 0, data: utf8("register 0") },
      { index: 5, data: utf8("register 5") },
      { type: EVENT_TYPE.EV_NO_ACTION, data: utf8("no action") },
    ];
    expect(claimsOf(...uncovered, { data: utf8("covered") }).map(({ event }) => event)).toEqual([utf8("covered").toBase64()]);
  });

  test("with the number of an event type that has no name", () => {
    expect(claimsOf({ type: 0x8000_abcd })[0]).toMatchObject({ type_name: "0x8000abcd", details: {} });
  });

  test("of no data that a digest over the whole event does not prove", () => {
    const variable = encodeEfiVariable({ guid: new Uint8Array(16), name: "SecureBoot", value: Uint8Array.of(1) });
    const { data } = aaelEvent({ domain: "cai", operation: "model", content: "{}" }, SHA384);
    for (const [type, bytes] of [
      [EVENT_TYPE.EV_EFI_VARIABLE_DRIVER_CONFIG, variable],
      [EVENT_TYPE.EV_EFI_VARIABLE_BOOT2, variable],
      [EVENT_TYPE.EV_EFI_VARIABLE_AUTHORITY, variable],
      [EVENT_TYPE.EV_EFI_ACTION, utf8("Exit Boot Services Invocation")],
      [EVENT_TYPE.EV_EVENT_TAG, data],
    ] as const) {
      expect(detailsOf({ index: 4, type, data: bytes })).not.toEqual({});
      const [forged] = claimsOf({ index: 4, type, data: bytes, digest: NOT_OF_THE_DATA });
      expect(forged).toMatchObject({ digest_matches_event: false, details: {} });
    }
  });

  test("with the part that the digest is of, where it is of a part", () => {
    const value = Uint8Array.of(0, 0);
    const variable = encodeEfiVariable({ guid: new Uint8Array(16), name: "BootOrder", value });
    const shim = joined(utf8("td_payload_info\0"), new Uint8Array(4), utf8("console=hvc0"));
    for (const [type, data, part] of [
      [EVENT_TYPE.EV_EFI_VARIABLE_BOOT, variable, value],
      [EVENT_TYPE.EV_IPL, utf8("grub_cmd: linux /vmlinuz ro\0"), utf8("linux /vmlinuz ro")],
      [EVENT_TYPE.EV_IPL, utf8("grub_cmd linux /vmlinuz ro\0x"), utf8("linux /vmlinuz ro\0")],
      [EVENT_TYPE.EV_IPL, utf8("kernel_cmdline: /vmlinuz ro\0"), utf8("/vmlinuz ro")],
      [EVENT_TYPE.EV_IPL, utf8("grub_kernel_cmdline /vmlinuz ro"), utf8("/vmlinuz ro")],
      [EVENT_TYPE.EV_PLATFORM_CONFIG_FLAGS, shim, utf8("console=hvc0")],
    ] as const) {
      const [claim] = claimsOf({ type, data, digest: SHA384.digest(part) });
      expect(claim).toMatchObject({ digest_matches_event: false, verified_payload: part.toBase64() });
      expect(Object.keys(claimsOf({ type, data, digest: NOT_OF_THE_DATA })[0]!)).not.toContain("verified_payload");
    }
  });

  test("of the text of a loaded file's path, and of a path that is none, nothing", () => {
    const node = (type: number, subtype: number, data: Uint8Array) => joined(Uint8Array.of(type, subtype, data.length + 4, 0), data);
    const event = (path: Uint8Array, said = path.length) =>
      changed(joined(new Uint8Array(32), path), (copy) => new DataView(copy.buffer).setBigUint64(24, BigInt(said), true));
    const file = node(4, 4, utf16("\\EFI\\a.efi\0"));
    const end = node(0x7f, 0xff, new Uint8Array(0));
    const paths = (data: Uint8Array) => detailsOf({ type: EVENT_TYPE.EV_EFI_BOOT_SERVICES_APPLICATION, data, digest: NOT_OF_THE_DATA });
    expect(paths(event(joined(file, end)))).toEqual({ device_paths: ["File(\\EFI\\a.efi)"] });
    expect(paths(event(joined(file, end, file)))).toEqual({ device_paths: ["File(\\EFI\\a.efi)"] });
    expect(paths(event(joined(node(9, 9, Uint8Array.of(1, 2)), end)))).toEqual({ device_paths: ["Path(9,9,0102)"] });
    const mbr = changed(new Uint8Array(38), (copy) => copy.set([1], 36));
    expect(paths(event(joined(node(4, 1, mbr), end)))).toEqual({ device_paths: ["HD(0,MBR,0x00000000)"] });
    expect(paths(event(joined(node(4, 1, new Uint8Array(38)), end)))).toMatchObject({
      device_paths: [expect.stringMatching(/^Path\(4,1,/)],
    });
    for (const odd of [
      event(file, file.length + 1),
      event(file, 2 ** 40),
      event(file.subarray(0, 3)),
      event(changed(file, (copy) => copy.set([3], 2))),
    ]) {
      expect(paths(odd)).toEqual({});
    }
  });

  test("of a variable only where its lengths fit", () => {
    const good = encodeEfiVariable({ guid: Uint8Array.from({ length: 16 }, (_, i) => i), name: "ab", value: Uint8Array.of(7) });
    const read = (data: Uint8Array) => detailsOf({ type: EVENT_TYPE.EV_EFI_VARIABLE_DRIVER_CONFIG, data });
    expect(read(good)).toEqual({
      unicode_name: "ab",
      unicode_name_length: 2,
      variable_name: "00010203-0405-0607-0809-0a0b0c0d0e0f",
      variable_data: "Bw==",
      variable_data_length: 1,
    });
    for (const at of [16, 24]) {
      for (const value of [3n, 2n ** 32n, 2n ** 63n, 2n ** 64n - 1n]) {
        expect(read(changed(good, (copy) => new DataView(copy.buffer).setBigUint64(at, value, true)))).toEqual({});
      }
    }
    for (let size = 0; size < good.length; size++) expect(read(good.subarray(0, size))).toEqual({});
    // Half a surrogate pair is no name.
    expect(read(changed(good, (copy) => copy.set([0x00, 0xd8], 32)))).toEqual({});
  });

  test("of texts as upstream reads them", () => {
    const text = (type: number, data: Uint8Array) => (detailsOf({ type, data, digest: NOT_OF_THE_DATA }) as { string?: string }).string;
    expect(text(EVENT_TYPE.EV_IPL, utf8("grub_cmd x\0garbage"))).toBe("grub_cmd x");
    expect(text(EVENT_TYPE.EV_IPL, Uint8Array.of(0xff, 0xfe, 0xff))).toBe("fffeff");
    expect(text(EVENT_TYPE.EV_IPL, joined(Uint8Array.of(0x2e, 0), utf16("cmdline\0")))).toBe("cmdline");
    expect(text(EVENT_TYPE.EV_IPL, utf8("x"))).toBeUndefined();
    expect(text(EVENT_TYPE.EV_PLATFORM_CONFIG_FLAGS, utf8("etc/acpi/rsdp\0\0\u001b[1m"))).toBe("etc/acpi/rsdp[1m");
    expect(text(EVENT_TYPE.EV_POST_CODE, Uint8Array.of(0xff))).toBeUndefined();
    expect(text(EVENT_TYPE.EV_EFI_HANDOFF_TABLES2, Uint8Array.of(9, ...utf8("TdxTable\0"), 1, 2))).toBe("TdxTable");
    for (const size of [10, 0xff])
      expect(text(EVENT_TYPE.EV_EFI_HANDOFF_TABLES2, Uint8Array.of(size, ...utf8("TdxTable\0")))).toBeUndefined();
    expect(text(EVENT_TYPE.EV_EVENT_TAG, joined(Uint8Array.of(1, 0, 0, 0, 5, 0, 0, 0), utf8("a\0b\0c")))).toBe("abc");
    expect(text(EVENT_TYPE.EV_EVENT_TAG, Uint8Array.of(1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff))).toBeUndefined();
  });

  test("of any data at all, under any type, without an error and in well-formed text", () => {
    const types = [...Object.values(EVENT_TYPE), 0x1234].filter((type) => type !== EVENT_TYPE.EV_NO_ACTION);
    const data = fc.oneof(
      fc.uint8Array({ maxLength: 120 }),
      fc.string({ unit: "binary", maxLength: 60 }).map(utf8),
      fc.uint8Array({ maxLength: 60 }).map((rest) => joined(utf8("LEAA"), Uint8Array.of(rest.length, 0, 0, 0), rest)),
      fc.uint8Array({ maxLength: 60 }).map((rest) => joined(new Uint8Array(24), Uint8Array.of(rest.length, 0, 0, 0, 0, 0, 0, 0), rest)),
    );
    fc.assert(
      fc.property(fc.constantFrom(...types), data, fc.boolean(), (type, bytes, matching) => {
        const claims = claimsOf({ type, data: bytes, ...(!matching && { digest: NOT_OF_THE_DATA }) });
        expect(jcs(claims).length).toBeGreaterThan(0);
      }),
      { numRuns: 2000 },
    );
  });
});
