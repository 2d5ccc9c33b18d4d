import type { JsonObject } from "../../system/index.ts";
import type { LogHash } from "./algorithm.ts";
import { type EventDetails, eventDetails } from "./details.ts";
import { EVENT_TYPE } from "./event-type.ts";
import { coveredEvents, type EventLog } from "./log.ts";

type Label = "shim" | "grub" | "uki" | "kernel" | "kernel_cmdline" | "initrd" | "td_payload" | "td_payload_info";

const COMMAND_LINES = ["grub_cmd linux", "grub_cmd: linux", "kernel_cmdline", "grub_kernel_cmdline"];

/**
 * The digests of the parts of a boot, by what the log calls them (tdx.md §4.4). The digests were measured; the names are the word of whoever
 * carried the log, who could give the digest of one part the name of another, or none. They are for people, and for proposing reference values
 * from a machine that one trusts; a policy compares registers or all digests of a register instead.
 *
 * @throws CaiError `eventlog.malformed` where a record has no digest of the registers' algorithm
 */
export function unprovedLabels(log: EventLog, hash: LogHash): JsonObject {
  const records = coveredEvents(log, hash).map(({ event, digest }) => ({ type: event.type, digest, details: eventDetails(event, true) }));
  const lastGrub = records.findLastIndex(({ type, details }) => isGrub(type, details));
  const labelled = records.flatMap(({ type, digest, details }, at) => {
    const label = labelOf(type, details, at > lastGrub);
    return label === undefined ? [] : [{ label, digest: digest.toHex() }];
  });
  return Object.fromEntries(
    [...Map.groupBy(labelled, ({ label }) => label)].map(([label, ones]) => [label, ones.map(({ digest }) => digest)]),
  );
}

function isGrub(type: number, details: EventDetails): boolean {
  return labelOf(type, details, false) === "grub" || (type === EVENT_TYPE.EV_IPL && details.string?.startsWith("grub") === true);
}

function labelOf(type: number, { string = "", device_paths = [] }: EventDetails, afterGrub: boolean): Label | undefined {
  switch (type) {
    case EVENT_TYPE.EV_EFI_BOOT_SERVICES_APPLICATION:
      return imageLabel(device_paths.join("/").toLowerCase(), afterGrub);
    case EVENT_TYPE.EV_IPL:
      if (COMMAND_LINES.some((start) => string.startsWith(start))) return "kernel_cmdline";
      if (string.startsWith("grub_cmd")) return undefined;
      if (string.includes("Kernel")) return "kernel";
      return string.includes("Initrd") ? "initrd" : undefined;
    case EVENT_TYPE.EV_EVENT_TAG:
      if (string === "LOADED_IMAGE::LoadOptions") return "kernel_cmdline";
      return string === "Linux initrd" ? "initrd" : undefined;
    case EVENT_TYPE.EV_EFI_PLATFORM_FIRMWARE_BLOB2:
      return string === "td_payload" ? "td_payload" : undefined;
    case EVENT_TYPE.EV_PLATFORM_CONFIG_FLAGS:
      return string.startsWith("td_payload_info") ? "td_payload_info" : undefined;
    default:
      return undefined;
  }
}

function imageLabel(path: string, afterGrub: boolean): Label | undefined {
  if (path.includes("shim")) return "shim";
  if (path.includes("grub")) return "grub";
  if (path.includes("file(kernel)")) return "kernel";
  if (/file\(\\efi\\linux\\[^\\]*\.efi\)/.test(path)) return "uki";
  return afterGrub && path.includes("file(\\efi\\boot\\bootx64.efi)") ? "uki" : undefined;
}
