import { createHash } from "node:crypto";
import { EFI_GLOBAL_VARIABLE, EVENT_TYPE, encodeEfiVariable, encodeLogEvent, encodeLogHeader, SHA384 } from "../../eventlog/index.ts";

const utf8 = new TextEncoder();
const EFI_IMAGE_SECURITY_DATABASE = Uint8Array.fromHex("cbb219d73a3d9645a3bcdad00e67656f");
const KERNEL = "/boot/vmlinuz";
const INITRD = "/boot/initrd.img";

/** 48 bytes: the digest of a part of what runs in a simulated TD, which is not made up itself. Another software has other parts. */
export const measure = (software: string, part: string): Uint8Array =>
  new Uint8Array(createHash("sha384").update(`cai simulated TD\0${software}\0${part}`).digest());

/**
 * The log of a simulated machine's boot, as firmware, boot loader and kernel write it: a machine that starts a kernel through shim and GRUB, with
 * secure boot on (tdx.md §4.3, §5.3).
 *
 * @param software  names what boots
 * @returns header and records, without a terminator
 */
export function simulatedBootLog(software: string): Uint8Array {
  const records: Uint8Array[] = [encodeLogHeader("SHA-384")];
  const record = (index: number, type: number, digest: Uint8Array, data: Uint8Array): void => {
    records.push(encodeLogEvent({ index, type, digests: [{ algorithm: "SHA-384", digest }], data }));
  };
  // By what the digest is over: the event, a part of it, or something that is not in the log.
  const whole = (index: number, type: number, data: Uint8Array): void => record(index, type, SHA384.digest(data), data);
  const loader = (prefix: string, text: string): void =>
    record(3, EVENT_TYPE.EV_IPL, SHA384.digest(utf8.encode(text)), utf8.encode(`${prefix}${text}\0`));
  const outside = (index: number, type: number, part: string, data: Uint8Array): void => record(index, type, measure(software, part), data);

  outside(1, EVENT_TYPE.EV_EFI_HANDOFF_TABLES2, "TD HOB", described("TdxTable", 32));
  outside(1, EVENT_TYPE.EV_EFI_PLATFORM_FIRMWARE_BLOB2, "configuration volume", described("Fv(cai simulated)", 16));
  for (const { guid, name, value } of secureBootVariables(software)) {
    whole(1, EVENT_TYPE.EV_EFI_VARIABLE_DRIVER_CONFIG, encodeEfiVariable({ guid, name, value }));
  }
  whole(1, EVENT_TYPE.EV_SEPARATOR, new Uint8Array(4));
  outside(1, EVENT_TYPE.EV_PLATFORM_CONFIG_FLAGS, "ACPI tables", utf8.encode("ACPI DATA"));
  const bootOrder = Uint8Array.of(0, 0);
  record(
    1,
    EVENT_TYPE.EV_EFI_VARIABLE_BOOT,
    SHA384.digest(bootOrder),
    encodeEfiVariable({ guid: EFI_GLOBAL_VARIABLE, name: "BootOrder", value: bootOrder }),
  );

  whole(2, EVENT_TYPE.EV_EFI_ACTION, utf8.encode("Calling EFI Application from Boot Option"));
  whole(2, EVENT_TYPE.EV_SEPARATOR, new Uint8Array(4));
  outside(2, EVENT_TYPE.EV_EFI_BOOT_SERVICES_APPLICATION, "shim", loadedFile("\\EFI\\cai\\shimx64.efi"));
  outside(3, EVENT_TYPE.EV_IPL, "MokList", utf8.encode("MokList\0"));
  outside(2, EVENT_TYPE.EV_EFI_BOOT_SERVICES_APPLICATION, "grub", loadedFile("\\EFI\\cai\\grubx64.efi"));

  const commandLine = `${KERNEL} root=/dev/mapper/root ro roothash=${measure(software, "root file system").toHex().slice(0, 64)}`;
  loader("grub_cmd: ", `linux ${commandLine}`);
  outside(3, EVENT_TYPE.EV_IPL, "kernel", utf8.encode("grub_linuxefi Kernel\0"));
  loader("kernel_cmdline: ", commandLine);
  loader("grub_cmd: ", `initrd ${INITRD}`);
  outside(3, EVENT_TYPE.EV_IPL, "initrd", utf8.encode("grub_linuxefi Initrd\0"));
  whole(2, EVENT_TYPE.EV_EFI_ACTION, utf8.encode("Exit Boot Services Invocation"));
  whole(2, EVENT_TYPE.EV_EFI_ACTION, utf8.encode("Exit Boot Services Returned with Success"));
  return new Uint8Array(Buffer.concat(records));
}

function secureBootVariables(software: string) {
  const value = (name: string): Uint8Array => measure(software, name).slice(0, 16);
  return [
    { guid: EFI_GLOBAL_VARIABLE, name: "SecureBoot", value: Uint8Array.of(1) },
    ...["PK", "KEK"].map((name) => ({ guid: EFI_GLOBAL_VARIABLE, name, value: value(name) })),
    ...["db", "dbx"].map((name) => ({ guid: EFI_IMAGE_SECURITY_DATABASE, name, value: value(name) })),
  ];
}

/** A description, and numbers about where it lies, which are zero here. */
const described = (text: string, rest: number): Uint8Array =>
  Uint8Array.of(text.length + 1, ...utf8.encode(text), 0, ...new Uint8Array(rest));

/** UEFI_IMAGE_LOAD_EVENT with a path of one file. */
function loadedFile(path: string): Uint8Array {
  const nodeSize = 4 + 2 * (path.length + 1);
  const event = Buffer.alloc(32 + nodeSize + 4);
  event.writeBigUInt64LE(BigInt(nodeSize + 4), 24);
  event.set([4, 4], 32);
  event.writeUInt16LE(nodeSize, 34);
  event.write(path, 36, "utf16le");
  event.set([0x7f, 0xff, 4, 0], 32 + nodeSize);
  return new Uint8Array(event);
}
