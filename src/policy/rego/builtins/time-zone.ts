import { BuiltinFailure } from "./builtin.ts";

/** Zones whose formatters are kept. */
const KEPT = 32;
const kept = new Map<string, Intl.DateTimeFormat>();

/**
 * The local time of a zone.
 *
 * @param milliseconds  since 1970, UTC
 * @param zone          a name of the IANA database; `UTC` and the empty text mean UTC
 * @returns seconds east of UTC at that moment, and the zone's abbreviation
 * @throws BuiltinFailure where there is no such zone
 */
export function zoneAt(milliseconds: number, zone: string): { readonly offset: number; readonly name: string } {
  if (zone === "" || zone === "UTC") return { offset: 0, name: "UTC" };
  const parts = new Map(
    formatter(zone)
      .formatToParts(milliseconds)
      .map(({ type, value }) => [type, value]),
  );
  const part = (type: Intl.DateTimeFormatPartTypes) => Number(parts.get(type));
  const local = Date.UTC(part("year"), part("month") - 1, part("day"), part("hour"), part("minute"), part("second"));
  return { offset: Math.round(local / 1000 - Math.floor(milliseconds / 1000)), name: abbreviation(parts.get("timeZoneName")!) };
}

/** `GMT+5:30` of a zone without letters of its own becomes `+0530`. */
function abbreviation(name: string): string {
  const found = /^GMT([+-])(\d{1,2})(?::(\d\d))?$/.exec(name);
  return found === null ? name : `${found[1]}${found[2]!.padStart(2, "0")}${found[3] ?? ""}`;
}

function formatter(zone: string): Intl.DateTimeFormat {
  let found = kept.get(zone);
  if (found !== undefined) return found;
  // Names only: an offset such as +05:30 is no zone of the database, and neither is `Local`, the place of the server.
  if (zone.length > 64 || !/^[A-Za-z][A-Za-z0-9_+/-]*$/.test(zone)) throw unknown();
  try {
    found = new Intl.DateTimeFormat("en-US", {
      timeZone: zone,
      calendar: "gregory",
      numberingSystem: "latn",
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
      timeZoneName: "short",
    });
  } catch {
    throw unknown();
  }
  if (kept.size >= KEPT) kept.delete(kept.keys().next().value!);
  kept.set(zone, found);
  return found;
}

function unknown(): BuiltinFailure {
  return new BuiltinFailure("expected a time zone of the IANA database, such as Europe/Berlin");
}
