import type { LogHash } from "./algorithm.ts";
import { readEfiVariable } from "./efi-variable.ts";
import { EVENT_TYPE } from "./event-type.ts";
import type { CoveredEvent } from "./log.ts";
import { beforeNul } from "./text.ts";

/** What boot loaders write before the text that they measure (tdx.md §4.3). */
const LOADER_PREFIXES = ["grub_cmd: ", "grub_cmd ", "kernel_cmdline: ", "grub_kernel_cmdline "].map((text) =>
  new TextEncoder().encode(text),
);
/** td-shim: a name of 16 bytes and a length precede what is measured. */
const TD_SHIM_PREFIX = 20;

/**
 * The part of an event's data that its digest proves, where that is not the whole: the value of a boot variable, what a boot loader wrote after
 * its prefix, what td-shim measured after a name (tdx.md §4.3). The rest of the event, its type among it, stays unproved.
 *
 * @returns undefined where the digest is of none of these
 */
export function verifiedPayload({ event, digest }: CoveredEvent, hash: LogHash): Uint8Array | undefined {
  return candidates(event.type, event.data).find((part) => Buffer.compare(hash.digest(part), digest) === 0);
}

function candidates(type: number, data: Uint8Array): Uint8Array[] {
  switch (type) {
    case EVENT_TYPE.EV_EFI_VARIABLE_BOOT: {
      const value = readEfiVariable(data)?.value;
      return value === undefined ? [] : [value];
    }
    case EVENT_TYPE.EV_IPL: {
      const prefix = LOADER_PREFIXES.find((one) => Buffer.compare(data.subarray(0, one.length), one) === 0);
      if (prefix === undefined) return [];
      const text = data.subarray(prefix.length);
      const { length } = beforeNul(text);
      // Most builds measure the text without its terminator, some with it.
      return length < text.length ? [text.subarray(0, length), text.subarray(0, length + 1)] : [text];
    }
    case EVENT_TYPE.EV_PLATFORM_CONFIG_FLAGS:
      return data.length > TD_SHIM_PREFIX ? [data.subarray(TD_SHIM_PREFIX)] : [];
    default:
      return [];
  }
}
