import { BuiltinFailure } from "./builtin.ts";

/** A calendar time with its distance from UTC. */
export interface CalendarTime {
  readonly year: number;
  /** 1 to 12 */
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly nanosecond: number;
  /** seconds east of UTC */
  readonly offset: number;
  /** abbreviation of the zone */
  readonly zone: string;
}

export const WEEKDAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"] as const;
const MONTHS = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December",
] as const;

/** Layouts that have a name. A layout shows how Monday, 2 January 2006, 15:04:05 in the zone MST (UTC-7) is written. */
const NAMED: { readonly [name: string]: string } = {
  ANSIC: "Mon Jan _2 15:04:05 2006",
  UnixDate: "Mon Jan _2 15:04:05 MST 2006",
  RubyDate: "Mon Jan 02 15:04:05 -0700 2006",
  RFC822: "02 Jan 06 15:04 MST",
  RFC822Z: "02 Jan 06 15:04 -0700",
  RFC850: "Monday, 02-Jan-06 15:04:05 MST",
  RFC1123: "Mon, 02 Jan 2006 15:04:05 MST",
  RFC1123Z: "Mon, 02 Jan 2006 15:04:05 -0700",
  RFC3339: "2006-01-02T15:04:05Z07:00",
  RFC3339Nano: "2006-01-02T15:04:05.999999999Z07:00",
};

const MAXIMUM_LAYOUT = 256;
const ELEMENT =
  /January|Jan|Monday|Mon(?![a-z])|MST|2006|002|__2|_2(?!006)|01|02|03|04|05|06|15|PM|pm|[Z-]07(?::?00(?::?00)?)?|[.,](?:0+|9+)(?!\d)|[1-5]/g;

/** Text that is written as it is, and elements of the reference time. */
function elementsOf(layout: string): { readonly literal: string; readonly element: string | undefined }[] {
  const text = Object.hasOwn(NAMED, layout) ? NAMED[layout]! : layout;
  if (text.length > MAXIMUM_LAYOUT) throw new BuiltinFailure(`expected a layout of at most ${MAXIMUM_LAYOUT} characters`);
  const elements: { readonly literal: string; readonly element: string | undefined }[] = [];
  let at = 0;
  for (const found of text.matchAll(ELEMENT)) {
    elements.push({ literal: text.slice(at, found.index), element: found[0] });
    at = found.index + found[0].length;
  }
  elements.push({ literal: text.slice(at), element: undefined });
  return elements;
}

const two = (value: number) => String(value).padStart(2, "0");

function dayOfYear({ year, month, day }: CalendarTime): number {
  return Math.round((Date.UTC(year, month - 1, day) - Date.UTC(year, 0, 1)) / 86_400_000) + 1;
}

function offsetText(seconds: number, element: string): string {
  if (element.startsWith("Z") && seconds === 0) return "Z";
  const size = Math.abs(seconds);
  const parts = [two(Math.floor(size / 3600)), two(Math.floor(size / 60) % 60), two(size % 60)];
  const count = element.replace(/\D/g, "").length / 2;
  return (seconds < 0 ? "-" : "+") + parts.slice(0, count).join(element.includes(":") ? ":" : "");
}

function fractionText(nanosecond: number, element: string): string {
  const digits = String(nanosecond)
    .padStart(9, "0")
    .slice(0, Math.min(element.length - 1, 9))
    .padEnd(element.length - 1, "0");
  const kept = element[1] === "9" ? digits.replace(/0+$/, "") : digits;
  return kept === "" ? "" : element[0] + kept;
}

function elementText(time: CalendarTime, element: string): string {
  const weekday = WEEKDAYS[new Date(Date.UTC(time.year, time.month - 1, time.day)).getUTCDay()]!;
  const half = time.hour < 12 ? "am" : "pm";
  const twelve = time.hour % 12 === 0 ? 12 : time.hour % 12;
  switch (element) {
    case "2006":
      return String(time.year).padStart(4, "0");
    case "06":
      return two(time.year % 100);
    case "January":
      return MONTHS[time.month - 1]!;
    case "Jan":
      return MONTHS[time.month - 1]!.slice(0, 3);
    case "01":
      return two(time.month);
    case "1":
      return String(time.month);
    case "Monday":
      return weekday;
    case "Mon":
      return weekday.slice(0, 3);
    case "02":
      return two(time.day);
    case "_2":
      return String(time.day).padStart(2, " ");
    case "2":
      return String(time.day);
    case "002":
      return String(dayOfYear(time)).padStart(3, "0");
    case "__2":
      return String(dayOfYear(time)).padStart(3, " ");
    case "15":
      return two(time.hour);
    case "03":
      return two(twelve);
    case "3":
      return String(twelve);
    case "04":
      return two(time.minute);
    case "4":
      return String(time.minute);
    case "05":
      return two(time.second);
    case "5":
      return String(time.second);
    case "PM":
      return half.toUpperCase();
    case "pm":
      return half;
    case "MST":
      return time.zone;
    default:
      return /^[.,]/.test(element) ? fractionText(time.nanosecond, element) : offsetText(time.offset, element);
  }
}

/** @returns the time as the layout writes it */
export function formatTime(layout: string, time: CalendarTime): string {
  return elementsOf(layout)
    .map(({ literal, element }) => literal + (element === undefined ? "" : elementText(time, element)))
    .join("");
}

/** The regular expression of what an element reads. */
function expressionOf(element: string): string {
  if (element === "January") return MONTHS.join("|");
  if (element === "Jan") return MONTHS.map((name) => name.slice(0, 3)).join("|");
  if (element === "Monday") return WEEKDAYS.join("|");
  if (element === "Mon") return WEEKDAYS.map((name) => name.slice(0, 3)).join("|");
  if (element === "MST") return "[A-Z]{3,5}|[+-]\\d\\d(?:\\d\\d)?";
  if (element === "PM") return "AM|PM";
  if (element === "pm") return "am|pm";
  if (element === "2006") return "\\d{4}";
  if (element === "002") return "\\d{3}";
  if (element === "__2") return "[ \\d]{2}\\d";
  if (element === "_2") return "[ \\d]?\\d";
  if (/^[.,]0/.test(element)) return `[.,]\\d{${element.length - 1}}`;
  if (/^[.,]9/.test(element)) return "(?:[.,]\\d+)?";
  if (/^[Z-]/.test(element)) {
    const count = element.replace(/\D/g, "").length / 2;
    const offset = `[+-]${Array.from({ length: count }, () => "\\d\\d").join(element.includes(":") ? ":" : "")}`;
    return element.startsWith("Z") ? `Z|${offset}` : offset;
  }
  return element.length === 2 && element !== "15" ? "\\d\\d" : "\\d\\d?";
}

/**
 * Reads a time as the layout writes it. Seconds may have a fraction that the layout does not show.
 *
 * @throws BuiltinFailure where the text does not follow the layout or names no time of the calendar
 */
export function parseTime(layout: string, text: string): CalendarTime {
  if (text.length > MAXIMUM_LAYOUT) throw new BuiltinFailure(`expected a time of at most ${MAXIMUM_LAYOUT} characters`);
  let at = 0;
  // Element by element and never back: one expression for the whole layout could be made to try every way to split a text.
  const take = (pattern: string): string => {
    const expression = new RegExp(pattern, "y");
    expression.lastIndex = at;
    const found = expression.exec(text)?.[0];
    if (found === undefined) throw new BuiltinFailure("the text does not follow the layout");
    at += found.length;
    return found;
  };
  const elements = elementsOf(layout);
  const parts: [element: string, value: string][] = [];
  for (const [i, { literal, element }] of elements.entries()) {
    if (!text.startsWith(literal, at)) throw new BuiltinFailure("the text does not follow the layout");
    at += literal.length;
    if (element === undefined) continue;
    parts.push([element, take(expressionOf(element))]);
    const next = elements[i + 1]!;
    const showsFraction = next.literal === "" && /^[.,]/.test(next.element ?? "");
    if ((element === "05" || element === "5") && !showsFraction) parts.push([".9", take("(?:[.,]\\d+)?")]);
  }
  if (at < text.length) throw new BuiltinFailure("the text does not follow the layout");
  return assembled(parts);
}

function assembled(parts: readonly (readonly [element: string, value: string])[]): CalendarTime {
  const time = { year: 0, month: 1, day: 1, hour: 0, minute: 0, second: 0, nanosecond: 0, offset: 0, zone: "" };
  let half: string | undefined;
  let ordinal: number | undefined;
  for (const [element, value] of parts) {
    const number = Number(value.trim());
    if (element === "2006") time.year = number;
    else if (element === "06") time.year = number + (number >= 69 ? 1900 : 2000);
    else if (element === "January" || element === "Jan") time.month = MONTHS.findIndex((name) => name.startsWith(value)) + 1;
    else if (element === "01" || element === "1") time.month = number;
    else if (element === "02" || element === "_2" || element === "2") time.day = number;
    else if (element === "002" || element === "__2") ordinal = number;
    else if (element === "15" || element === "03" || element === "3") time.hour = number;
    else if (element === "04" || element === "4") time.minute = number;
    else if (element === "05" || element === "5") time.second = number;
    else if (element === "PM" || element === "pm") half = value.toLowerCase();
    else if (element === "MST") time.zone = value;
    else if (/^[.,]/.test(element)) time.nanosecond = nanoseconds(value.slice(1));
    else if (/^[Z-]/.test(element)) time.offset = seconds(value);
  }
  if (half !== undefined) time.hour = (time.hour % 12) + (half === "pm" ? 12 : 0);
  if (ordinal !== undefined) {
    const date = new Date(Date.UTC(time.year, 0, ordinal));
    [time.month, time.day] = [date.getUTCMonth() + 1, date.getUTCDate()];
  }
  const days = new Date(Date.UTC(2000 + (time.year % 400), time.month, 0)).getUTCDate();
  const fits = time.month >= 1 && time.month <= 12 && time.day >= 1 && time.day <= days;
  if (!fits || time.hour > 23 || time.minute > 59 || time.second > 59) throw new BuiltinFailure("a part of the time is out of range");
  return time;
}

function nanoseconds(digits: string): number {
  return Number(digits.slice(0, 9).padEnd(9, "0"));
}

function seconds(offset: string): number {
  if (offset === "Z") return 0;
  const [hours, minutes, rest] = offset.slice(1).replaceAll(":", "").match(/\d\d/g)!.map(Number) as [number, number?, number?];
  if (hours > 24 || (minutes ?? 0) > 59 || (rest ?? 0) > 59) throw new BuiltinFailure("the offset from UTC is out of range");
  return (hours * 3600 + (minutes ?? 0) * 60 + (rest ?? 0)) * (offset[0] === "-" ? -1 : 1);
}
