import { describe, expect, test } from "bun:test";
import type { JsonObject } from "../../../src/system/index.ts";
import {
  aaelEvent,
  EVENT_TYPE,
  encodeEfiVariable,
  measuredFacts,
  parseEventLog,
  replayEventLog,
  SHA384,
  unprovedLabels,
} from "../../../src/tee/eventlog/index.ts";
import { SM3 } from "./sm3.ts";
import { haveLogs, joined, logFile, logOf, type TestRecord, utf8 } from "./testing.ts";

interface Facts extends JsonObject {
  readonly digests: Readonly<Record<string, string[]>>;
  readonly texts: Readonly<Record<string, string>>;
}

const facts = (bytes: Uint8Array): Facts => measuredFacts(parseEventLog(bytes), SHA384, (index) => `rtmr_${index - 1}`) as Facts;
const factsOf = (...records: readonly TestRecord[]): Facts => facts(logOf(...records));
const labelsOf = (...records: readonly TestRecord[]) => unprovedLabels(parseEventLog(logOf(...records)), SHA384);
const registersOf = (records: readonly TestRecord[]): string[] =>
  [...replayEventLog(parseEventLog(logOf(...records)), SHA384).values()].map((value) => value.toHex());
const digestOf = (data: Uint8Array): string => SHA384.digest(data).toHex();

/** Checks that a carrier who changes nothing but texts and types gets the same registers, so that only the facts can tell. */
function forge(honest: readonly TestRecord[], forged: readonly TestRecord[]): Facts {
  const digests = honest.map(({ digest, data }) => digest ?? SHA384.digest(data!));
  const carried = forged.map((record, i) => ({ ...record, digest: digests[i]! }));
  expect(registersOf(carried)).toEqual(registersOf(honest));
  return factsOf(...carried);
}

const secureBoot = (...value: readonly number[]): Uint8Array =>
  encodeEfiVariable({
    guid: Uint8Array.fromHex("61dfe48bca93d211aa0d00e098032b8c"),
    name: "SecureBoot",
    value: Uint8Array.from(value),
  });
const variable = (data: Uint8Array): TestRecord => ({ index: 1, type: EVENT_TYPE.EV_EFI_VARIABLE_DRIVER_CONFIG, data });
const runtime = (operation: string, content: string): TestRecord => ({
  index: 4,
  type: EVENT_TYPE.EV_EVENT_TAG,
  data: aaelEvent({ domain: "cai", operation, content }, SHA384).data,
});
const ipl = (prefix: string, text: string): TestRecord => ({
  index: 3,
  type: EVENT_TYPE.EV_IPL,
  data: utf8(`${prefix}${text}\0`),
  digest: SHA384.digest(utf8(text)),
});
const file = (name: string, content: string): TestRecord => ({
  index: 3,
  type: EVENT_TYPE.EV_IPL,
  data: utf8(`${name}\0`),
  digest: SHA384.digest(utf8(content)),
});

describe("what a log proves", () => {
  test("is every digest of every register, in order", () => {
    const records = [1, 2, 1, 4, 3].map((index, i) => ({ index, data: utf8(`${i}`) }));
    const of = (i: number) => digestOf(utf8(`${i}`));
    expect(factsOf(...records).digests).toEqual({ rtmr_0: [of(0), of(2)], rtmr_1: [of(1)], rtmr_2: [of(4)], rtmr_3: [of(3)] });
  });

  test("is the texts that digests are of, under those digests", () => {
    const { texts } = factsOf(ipl("kernel_cmdline: ", "/vmlinuz ro"), file("grub_linuxefi Kernel", "\u007fELF"), {
      index: 2,
      type: EVENT_TYPE.EV_EFI_ACTION,
      data: utf8("Exit Boot Services Invocation"),
    });
    expect(texts).toEqual({
      [digestOf(utf8("/vmlinuz ro"))]: "/vmlinuz ro",
      [digestOf(utf8("Exit Boot Services Invocation"))]: "Exit Boot Services Invocation",
    });
  });

  test("is found in one pass over a text, however many NULs it has", () => {
    const nuls = joined(utf8("\0".repeat(500_000)), utf8("x"));
    expect(factsOf({ index: 4, data: nuls }).texts).toEqual({});
    const padded = utf8(`quiet${"\0".repeat(500_000)}`);
    expect(Object.values(factsOf({ index: 4, data: padded }).texts)).toEqual(["quiet"]);
  });

  test("is of a machine without runtime events that there are none", () => {
    expect(factsOf({ index: 3, data: utf8("boot") })["runtime_events"]).toEqual([]);
  });

  test("is the runtime events, all and in order, with what their content means", () => {
    expect(factsOf(runtime("instance", "abc"), runtime("model", '{"root":"sha256:00"}'))["runtime_events"]).toEqual([
      { domain: "cai", operation: "instance", content: "abc" },
      { domain: "cai", operation: "model", content: { root: "sha256:00" } },
    ]);
  });

  test("leaves out of the runtime events what is proved to be something else", () => {
    const other = { index: 4, type: EVENT_TYPE.EV_EVENT_TAG, data: utf8("another software's event") };
    expect(factsOf(other, runtime("trustee", "none"))["runtime_events"]).toEqual([
      { domain: "cai", operation: "trustee", content: "none" },
    ]);
  });

  test.skipIf(!haveLogs)("of real logs is their secure boot, command lines and runtime events", () => {
    const of = (name: string) => facts(logFile(`tdx/ccel/${name}.bin`));
    expect(["cos113", "gcp", "ovmf-direct", "alibabacloud-aael", "grub-ubuntu", "td-shim"].map((name) => of(name)["secure_boot"])).toEqual([
      false,
      false,
      false,
      false,
      true,
      undefined,
    ]);
    expect(Object.values(of("td-shim").texts)).toEqual(["root=/dev/vda1 console=hvc0 rw"]);
    expect(Object.values(of("cos113").texts).filter((text) => text.startsWith("/syslinux/vmlinuz.A init=")).length).toBe(1);
    expect(of("alibabacloud-aael")["runtime_events"]).toMatchObject([{ content: "some-content" }, { content: { key: "value" } }]);
  });

  test.skipIf(!haveLogs)("holds for a log of another platform with its hash", () => {
    const measured = measuredFacts(parseEventLog(logFile("csv/ccel-csv.bin")), SM3, (index) => `rtmr${index}`);
    expect(Object.keys(measured["digests"] as object)).toEqual(["rtmr1", "rtmr2", "rtmr3", "rtmr4"]);
    expect(measured["secure_boot"]).toBe(false);
  });
});

describe("a carrier who rewrites a log and keeps its digests", () => {
  test("cannot turn secure boot on by its text", () => {
    const honest = [variable(secureBoot(0))];
    expect(factsOf(...honest)["secure_boot"]).toBe(false);
    expect(forge(honest, [variable(secureBoot(1))])["secure_boot"]).toBe(false);
  });

  test("cannot turn it on by bytes that it had firmware measure under another type", () => {
    // The host chooses the ACPI tables, and firmware measures them as they are.
    const table = {
      index: 1,
      type: EVENT_TYPE.EV_PLATFORM_CONFIG_FLAGS,
      data: utf8("etc/acpi/tables\0"),
      digest: SHA384.digest(secureBoot(1)),
    };
    for (const off of [secureBoot(0), secureBoot()]) {
      const honest = [variable(off), table];
      const hidden = { index: 1, type: EVENT_TYPE.EV_PLATFORM_CONFIG_FLAGS, data: utf8("etc/acpi/rsdp\0") };
      expect(forge(honest, [hidden, variable(secureBoot(1))])["secure_boot"]).toBeUndefined();
    }
  });

  test("cannot turn it on from another register", () => {
    expect(factsOf({ ...variable(secureBoot(1)), index: 2 }, { ...variable(secureBoot(1)), index: 4 })["secure_boot"]).toBeUndefined();
  });

  test("cannot hide a runtime event by garbling it: then there is no list at all", () => {
    const honest = [runtime("model", '{"root":"hostile"}'), runtime("model", '{"root":"good"}')];
    const garbled = { index: 4, type: EVENT_TYPE.EV_EVENT_TAG, data: utf8("nothing to see") };
    expect(forge(honest, [garbled, honest[1]!])["runtime_events"]).toBeUndefined();
    expect(forge(honest, [honest[1]!, honest[1]!])["runtime_events"]).toBeUndefined();
  });

  test("cannot hide a runtime event behind another type", () => {
    const honest = [runtime("model", '{"root":"hostile"}'), runtime("model", '{"root":"good"}')];
    const relabelled = [{ ...honest[0]!, type: EVENT_TYPE.EV_POST_CODE }, honest[1]!];
    expect(forge(honest, relabelled)["runtime_events"]).toEqual(factsOf(...honest)["runtime_events"]!);
  });

  test("cannot make an event of the runtime register out of one of another", () => {
    const measuredAsFile = { ...runtime("model", '{"root":"good"}'), index: 3 };
    expect(factsOf(measuredAsFile)["runtime_events"]).toEqual([]);
  });

  test("cannot pass an event with the tag but another form for no event", () => {
    const twoLines = joined(utf8("LEAA"), Uint8Array.of(9, 0, 0, 0), utf8("d o one\nx"));
    expect(factsOf({ index: 4, type: EVENT_TYPE.EV_EVENT_TAG, data: twoLines })["runtime_events"]).toBeUndefined();
  });

  test("cannot give a measured digest a text that was not measured", () => {
    const honest = [ipl("kernel_cmdline: ", "/vmlinuz init=/bin/sh")];
    const { texts, digests } = forge(honest, [ipl("kernel_cmdline: ", "/vmlinuz ro")]);
    expect(texts).toEqual({});
    expect(digests["rtmr_2"]).toEqual([digestOf(utf8("/vmlinuz init=/bin/sh"))]);
  });

  test("can call parts by other names, so that the names stand apart from what is proved", () => {
    const honest = [file("grub_linuxefi Kernel", "evil kernel"), file("MokList", "keys"), ipl("kernel_cmdline: ", "evil command line")];
    const forged = [file("MokList", ""), file("grub_linuxefi Kernel", ""), ipl("grub_cmd: ", "evil command line")];
    const measured = forge(honest, forged);
    expect(measured).toEqual(factsOf(...honest));
    const names = labelsOf(...forged.map((one, i) => ({ ...one, digest: honest[i]!.digest! })));
    expect(names).toEqual({ kernel: [digestOf(utf8("keys"))] });
  });

  test("adds nothing by records that no register covers", () => {
    const extra = [
      { index: 0, data: utf8("grub_linuxefi Kernel\0"), type: EVENT_TYPE.EV_IPL },
      { index: 9, data: utf8("grub_linuxefi Kernel\0"), type: EVENT_TYPE.EV_IPL },
      { ...runtime("model", "{}"), type: EVENT_TYPE.EV_NO_ACTION },
      { ...variable(secureBoot(1)), type: EVENT_TYPE.EV_NO_ACTION },
    ];
    expect(factsOf(...extra)).toEqual(facts(logOf()));
    expect(labelsOf(...extra)).toEqual({});
  });
});

describe("the names that a log gives", () => {
  test.skipIf(!haveLogs)("in real logs are those of their boot", () => {
    const names = (log: string) => Object.keys(unprovedLabels(parseEventLog(logFile(`tdx/ccel/${log}.bin`)), SHA384)).sort();
    expect(names("cos113")).toEqual(["grub", "kernel_cmdline"]);
    expect(names("alibabacloud-aael")).toEqual(["grub", "initrd", "kernel", "kernel_cmdline", "shim"]);
    expect(names("grub-ubuntu")).toEqual(["grub", "initrd", "kernel_cmdline", "shim"]);
    expect(names("ovmf-direct")).toEqual(["initrd", "kernel", "kernel_cmdline"]);
    expect(names("gcp")).toEqual(["uki"]);
    expect(names("td-shim")).toEqual(["td_payload", "td_payload_info"]);
  });

  test("tell a unified kernel image from a boot loader at the same place by what follows", () => {
    const path = Buffer.from("\\EFI\\BOOT\\BOOTX64.EFI\0", "utf16le");
    const data = joined(new Uint8Array(24), Uint8Array.of(path.length + 4, 0, 0, 0, 0, 0, 0, 0, 4, 4, path.length + 4, 0), path);
    const image = { index: 2, type: EVENT_TYPE.EV_EFI_BOOT_SERVICES_APPLICATION, data };
    expect(labelsOf(image)).toEqual({ uki: [digestOf(data)] });
    expect(labelsOf(image, ipl("grub_cmd: ", "set timeout=0"))).toEqual({});
  });
});
