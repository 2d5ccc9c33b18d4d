import { narrow, toBigInt } from "../number.ts";
import type { Value } from "../value.ts";
import { BuiltinFailure, type Builtins, builtin, indexArg, integerArg, stringArg } from "./builtin.ts";

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

/** The calendar time that `ns`, or `[ns, zone]`, means; only UTC is known. */
function timeArg(args: readonly Value[], index: number): Date {
  const value = args[index]!;
  const [nanoseconds, zone] = Array.isArray(value) ? [integerArg(value, 0), stringArg(value, 1)] : [integerArg(args, index), "UTC"];
  if (zone !== "UTC" && zone !== "") throw new BuiltinFailure("expected the time zone UTC");
  const ns = checked(toBigInt(nanoseconds));
  const milliseconds = ns / 1_000_000n - (ns < 0n && ns % 1_000_000n !== 0n ? 1n : 0n);
  return new Date(Number(milliseconds));
}

const WEEKDAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"] as const;

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
  "time.parse_duration_ns": builtin(1, (args) => narrow(parseDuration(stringArg(args, 0)))),
  "time.date": builtin(1, (args) => {
    const time = timeArg(args, 0);
    return [time.getUTCFullYear(), time.getUTCMonth() + 1, time.getUTCDate()];
  }),
  "time.clock": builtin(1, (args) => {
    const time = timeArg(args, 0);
    return [time.getUTCHours(), time.getUTCMinutes(), time.getUTCSeconds()];
  }),
  "time.weekday": builtin(1, (args) => WEEKDAYS[timeArg(args, 0).getUTCDay()]!),
  "time.add_date": builtin(4, (args) => {
    const ns = toBigInt(integerArg(args, 0));
    const time = timeArg(args, 0);
    const start = time.getTime();
    time.setUTCFullYear(
      time.getUTCFullYear() + indexArg(args, 1),
      time.getUTCMonth() + indexArg(args, 2),
      time.getUTCDate() + indexArg(args, 3),
    );
    const moved = time.getTime() - start;
    if (Number.isNaN(moved)) throw new BuiltinFailure("time out of range");
    return narrow(checked(ns + BigInt(moved) * 1_000_000n));
  }),
};
