import { CaiError } from "../../../system/index.ts";

/** The last second that dates are written for: 9999-12-31T23:59:59Z. */
const MAX_TIME = 253_402_300_799;

/**
 * Reads a point in time: RFC 3339 with a zone, a day alone (its first second in UTC), or seconds since 1970.
 *
 * @param flag  what the error names
 * @returns seconds since 1970
 * @throws CaiError `cli.setting-invalid`
 */
export function parseTime(text: string, flag = "--at"): number {
  const seconds = secondsOf(text);
  if (Number.isFinite(seconds) && seconds >= 0 && seconds <= MAX_TIME) return Math.floor(seconds);
  throw new CaiError("cli.setting-invalid", `${flag} cannot be ${JSON.stringify(text)}`, {
    expected: "for example 2026-01-10T00:00:00Z, 2026-01-10, or seconds since 1970",
    got: text,
  });
}

function secondsOf(text: string): number {
  if (/^\d{1,12}$/.test(text)) return Number(text);
  const [, day] = /^(\d{4}-\d{2}-\d{2})(?:T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2}))?$/.exec(text) ?? [];
  if (day === undefined || !isDay(day)) return Number.NaN;
  return Date.parse(text) / 1000;
}

/** The runtime takes 30 February for 2 March. */
function isDay(day: string): boolean {
  const parsed = new Date(`${day}T00:00:00Z`);
  return !Number.isNaN(parsed.getTime()) && parsed.toISOString().startsWith(day);
}
