import { narrow, toBigInt } from "../number.ts";
import type { Value } from "../value.ts";
import { BuiltinFailure, type Builtins, builtin, indexArg, integerArg, stringArg } from "./builtin.ts";
import { type CalendarTime, formatTime, parseTime, WEEKDAYS } from "./time-layout.ts";
import { zoneAt } from "./time-zone.ts";

const NANOSECONDS = 1_000_000_000n;
const RFC3339 = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)$/i;
const LARGEST = 2n ** 63n - 1n;

/** @returns nanoseconds since 1970; undefined where the text is no RFC 3339 time */
function parseRfc3339(text: string): bigint | undefined {
  const found = text.length <= 64 ? RFC3339.exec(text) : null;
  if (found === null) return undefined;
  const [year, month, day, hour, minute, second] = found.slice(1, 7).map(Number) as [number, number, number, number, number, number];
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  date.setUTCHours(hour, minute, second);
  // A part that is out of range would have carried over.
  const parts = [date.getUTCMonth() + 1, date.getUTCDate(), date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds()];
  if ([month, day, hour, minute, second].some((part, i) => part !== parts[i])) return undefined;
  const zone = found[8]!.toUpperCase();
  const [offsetHours, offsetMinutes] = zone === "Z" ? [0, 0] : [Number(zone.slice(1, 3)), Number(zone.slice(4))];
  if (offsetHours > 23 || offsetMinutes > 59) return undefined;
  const offset = BigInt((offsetHours * 60 + offsetMinutes) * (zone[0] === "-" ? -60 : 60));
  const fraction = BigInt((found[7] ?? "").slice(0, 9).padEnd(9, "0"));
  return (BigInt(date.getTime()) / 1000n - offset) * NANOSECONDS + fraction;
}

const UNITS: { readonly [unit: string]: bigint } = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  μs: 1_000n,
  ms: 1_000_000n,
  s: NANOSECONDS,
  m: 60n * NANOSECONDS,
  h: 3600n * NANOSECONDS,
};

/** A duration such as `1h15m30.918s`. */
function parseDuration(text: string): bigint {
  const fail = () => new BuiltinFailure("expected a duration such as 1h30m");
  const found = text.length <= 256 ? /^([+-]?)((?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+$/.exec(text) : null;
  if (text === "0") return 0n;
  if (found === null) throw fail();
  let sum = 0n;
  for (const [, whole, fraction, unit] of text.matchAll(/(\d*)(?:\.(\d*))?(ns|us|µs|μs|ms|s|m|h)/g)) {
    const scale = UNITS[unit!]!;
    const digits = fraction ?? "";
    sum += BigInt(whole || "0") * scale + (BigInt(digits || "0") * scale) / 10n ** BigInt(digits.length);
  }
  return checked(found[1] === "-" ? -sum : sum);
}

function checked(nanoseconds: bigint): bigint {
  if (nanoseconds > LARGEST || nanoseconds < -LARGEST - 1n) throw new BuiltinFailure("time out of range");
  return nanoseconds;
}

/** Nanoseconds since 1970 with a zone: `ns` or `[ns, zone]`. */
function momentArg(args: readonly Value[], index: number): { readonly ns: bigint; readonly zone: string } {
  const value = args[index]!;
  const [nanoseconds, zone] = Array.isArray(value) ? [integerArg(value, 0), stringArg(value, 1)] : [integerArg(args, index), "UTC"];
  return { ns: checked(toBigInt(nanoseconds)), zone };
}

/** The calendar time of a moment in its zone. */
function calendar({ ns, zone }: { readonly ns: bigint; readonly zone: string }): CalendarTime {
  const nanosecond = Number(((ns % NANOSECONDS) + NANOSECONDS) % NANOSECONDS);
  const milliseconds = Number((ns - BigInt(nanosecond)) / 1_000_000n);
  const { offset, name } = zoneAt(milliseconds, zone);
  const local = new Date(milliseconds + offset * 1000);
  return {
    year: local.getUTCFullYear(),
    month: local.getUTCMonth() + 1,
    day: local.getUTCDate(),
    hour: local.getUTCHours(),
    minute: local.getUTCMinutes(),
    second: local.getUTCSeconds(),
    nanosecond,
    offset,
    zone: name,
  };
}

/** Nanoseconds since 1970 of a calendar time; a month, day or hour beyond its range carries over. */
function momentOf(time: CalendarTime): bigint {
  const date = new Date(0);
  date.setUTCFullYear(time.year, time.month - 1, time.day);
  date.setUTCHours(time.hour, time.minute, time.second);
  if (Number.isNaN(date.getTime())) throw new BuiltinFailure("time out of range");
  return checked((BigInt(date.getTime()) / 1000n - BigInt(time.offset)) * NANOSECONDS + BigInt(time.nanosecond));
}

/** The same, for a calendar time of a zone whose offset may differ from that of the time it was made from. */
function momentIn(zone: string, time: CalendarTime): bigint {
  const guess = momentOf(time);
  const { offset } = zoneAt(Number(guess / 1_000_000n), zone);
  return offset === time.offset ? guess : momentOf({ ...time, offset });
}

/** Years, months, days, hours, minutes, seconds between two moments, in the zone of the first. */
function difference(args: readonly Value[]): number[] {
  const [first, second] = [momentArg(args, 0), { ...momentArg(args, 1), zone: momentArg(args, 0).zone }];
  const [start, end] = (first.ns <= second.ns ? [first, second] : [second, first]).map(calendar) as [CalendarTime, CalendarTime];
  const parts = [
    end.year - start.year,
    end.month - start.month,
    end.day - start.day,
    end.hour - start.hour,
    end.minute - start.minute,
    end.second - start.second,
  ];
  const daysInMonth = new Date(Date.UTC(start.year, start.month, 0)).getUTCDate();
  const limits = [0, 12, daysInMonth, 24, 60, 60];
  // A part below zero borrows from the next larger one.
  for (let i = 5; i > 0; i--) {
    if (parts[i]! >= 0) continue;
    parts[i]! += limits[i]!;
    parts[i - 1]!--;
  }
  return parts;
}

/** `ns`, `[ns, zone]` or `[ns, zone, layout]` as text. */
function formatted(args: readonly Value[]): string {
  const [value] = args;
  const layout = Array.isArray(value) && value.length > 2 ? stringArg(value, 2) : "RFC3339Nano";
  return formatTime(layout, calendar(momentArg(args, 0)));
}

/** Time, in nanoseconds since 1970. The current time is what the caller of the evaluation gave. */
export const times: Builtins = {
  "time.now_ns": builtin(0, (_, run) => {
    if (run.settings.now === undefined) throw new BuiltinFailure("the evaluation was given no time");
    return narrow(run.settings.now);
  }),
  "time.parse_rfc3339_ns": builtin(1, (args) => {
    const time = parseRfc3339(stringArg(args, 0));
    if (time === undefined) throw new BuiltinFailure("expected an RFC 3339 time");
    return narrow(checked(time));
  }),
  "time.parse_ns": builtin(2, (args) => narrow(momentOf(parseTime(stringArg(args, 0), stringArg(args, 1))))),
  "time.parse_duration_ns": builtin(1, (args) => narrow(parseDuration(stringArg(args, 0)))),
  "time.format": builtin(1, formatted),
  "time.diff": builtin(2, difference),
  "time.date": builtin(1, (args) => {
    const { year, month, day } = calendar(momentArg(args, 0));
    return [year, month, day];
  }),
  "time.clock": builtin(1, (args) => {
    const { hour, minute, second } = calendar(momentArg(args, 0));
    return [hour, minute, second];
  }),
  "time.weekday": builtin(1, (args) => {
    const { year, month, day } = calendar(momentArg(args, 0));
    return WEEKDAYS[new Date(Date.UTC(year, month - 1, day)).getUTCDay()]!;
  }),
  "time.add_date": builtin(4, (args) => {
    const from = momentArg(args, 0);
    const time = calendar(from);
    const [years, months, days] = [indexArg(args, 1), indexArg(args, 2), indexArg(args, 3)];
    return narrow(momentIn(from.zone, { ...time, year: time.year + years, month: time.month + months, day: time.day + days }));
  }),
};
