import { encodeBase64 } from "../../crypto/index.ts";
import type { JsonObject } from "../../system/index.ts";
import { aaelText, contentValue, hasAaelTag, parseAael } from "./aael.ts";
import { readDevicePaths } from "./device-path.ts";
import { rawGuid, readEfiVariable } from "./efi-variable.ts";
import { EVENT_TYPE } from "./event-type.ts";
import type { LogEvent } from "./log.ts";
import { beforeNul, utf8Text, utf16TextLossy } from "./text.ts";

/** What the data of an event say, under upstream's names (trustee.md §6.0). */
export type EventDetails = {
  readonly string?: string;
  readonly unicode_name?: string;
  readonly unicode_name_length?: number;
  readonly variable_name?: string;
  readonly variable_data?: string;
  readonly variable_data_length?: number;
  readonly device_paths?: readonly string[];
  readonly data?: JsonObject;
};

type Decoder = (data: Uint8Array) => EventDetails;

/** The decoders by type (tdx.md §4.4). A type that is not here says nothing. */
const DECODERS: Readonly<Record<number, Decoder>> = {
  [EVENT_TYPE.EV_POST_CODE]: plainText,
  [EVENT_TYPE.EV_ACTION]: plainText,
  [EVENT_TYPE.EV_COMPACT_HASH]: plainText,
  [EVENT_TYPE.EV_OMIT_BOOT_DEVICE_EVENTS]: plainText,
  [EVENT_TYPE.EV_EFI_ACTION]: plainText,
  [EVENT_TYPE.EV_EVENT_TAG]: taggedEvent,
  [EVENT_TYPE.EV_PLATFORM_CONFIG_FLAGS]: configurationText,
  [EVENT_TYPE.EV_IPL]: loaderText,
  [EVENT_TYPE.EV_EFI_VARIABLE_DRIVER_CONFIG]: variable,
  [EVENT_TYPE.EV_EFI_VARIABLE_BOOT]: variable,
  [EVENT_TYPE.EV_EFI_VARIABLE_BOOT2]: variable,
  [EVENT_TYPE.EV_EFI_VARIABLE_AUTHORITY]: variable,
  [EVENT_TYPE.EV_EFI_BOOT_SERVICES_APPLICATION]: loadedImage,
  [EVENT_TYPE.EV_EFI_BOOT_SERVICES_DRIVER]: loadedImage,
  [EVENT_TYPE.EV_EFI_RUNTIME_SERVICES_DRIVER]: loadedImage,
  [EVENT_TYPE.EV_EFI_PLATFORM_FIRMWARE_BLOB2]: description,
  [EVENT_TYPE.EV_EFI_HANDOFF_TABLES2]: description,
};

/** Types whose digest is of the whole event, always (tdx.md §4.3). Where it is of something else, the data are not what was measured. */
const WHOLE_EVENT: ReadonlySet<number> = new Set([
  EVENT_TYPE.EV_EFI_ACTION,
  EVENT_TYPE.EV_EFI_VARIABLE_DRIVER_CONFIG,
  EVENT_TYPE.EV_EFI_VARIABLE_BOOT2,
  EVENT_TYPE.EV_EFI_VARIABLE_AUTHORITY,
]);

/**
 * The `details` of an event, under upstream's names. Data that do not have the form of their type give none: whoever carries a log can put
 * anything there, and no log is refused for it.
 *
 * @param digestMatches  whether the event's digest is of its data; where it has to be and is not, nothing is said of the data
 */
export function eventDetails({ type, data }: LogEvent, digestMatches: boolean): EventDetails {
  if (!digestMatches && (WHOLE_EVENT.has(type) || (type === EVENT_TYPE.EV_EVENT_TAG && hasAaelTag(data)))) return {};
  return DECODERS[type]?.(data) ?? {};
}

const textDetails = (string: string | undefined): EventDetails => (string === undefined ? {} : { string });

function plainText(data: Uint8Array): EventDetails {
  return textDetails(utf8Text(data));
}

/** Text with the binary numbers between its parts, as upstream shows it; td-shim puts a table there, which is none. */
function configurationText(data: Uint8Array): EventDetails {
  return textDetails((utf8Text(data) ?? "").replaceAll("\u0010", " ").replaceAll(/\p{Cc}/gu, ""));
}

function loaderText(data: Uint8Array): EventDetails {
  // Google's loader writes UTF-16 after two bytes of its own, with a terminator.
  if (data.length >= 4 && data.length % 2 === 0 && data[0] === 0x2e && data[1] === 0)
    return textDetails(utf16TextLossy(data.subarray(2, -2)));
  return data.length < 2 ? {} : textDetails(utf8Text(beforeNul(data)) ?? data.toHex());
}

function variable(data: Uint8Array): EventDetails {
  const read = readEfiVariable(data);
  if (read === undefined) return {};
  return {
    unicode_name: read.name,
    unicode_name_length: read.name.length,
    variable_name: rawGuid(read.guid),
    variable_data: encodeBase64(read.value),
    variable_data_length: read.value.length,
  };
}

function loadedImage(data: Uint8Array): EventDetails {
  const nodes = readDevicePaths(data);
  return nodes === undefined ? {} : { device_paths: nodes };
}

/** A length, a description with its terminator, and numbers that are left out. */
function description(data: Uint8Array): EventDetails {
  const size = data[0];
  return size === undefined || size >= data.length ? {} : textDetails(utf8Text(data.subarray(1, 1 + size))?.replace(/\0$/, ""));
}

function taggedEvent(data: Uint8Array): EventDetails {
  if (hasAaelTag(data)) {
    const string = aaelText(data);
    if (string === undefined) return {};
    const event = parseAael(string);
    return { string, unicode_name: "AAEL", ...(event !== undefined && { data: { ...event, content: contentValue(event.content) } }) };
  }
  return textDetails(taggedText(data)?.replaceAll("\0", ""));
}

function taggedText(data: Uint8Array): string | undefined {
  if (data.length < 8) return undefined;
  const size = new DataView(data.buffer, data.byteOffset, data.byteLength).getUint32(4, true);
  return size > data.length - 8 ? undefined : utf8Text(data.subarray(8, 8 + size));
}
