import { type Finding, found, ok } from "../finding.ts";

/** No machine that runs this program lives before: 2025-11-01T00:00:00Z, seconds since 1970. */
const EARLIEST = 1_761_955_200;
/** What trustees take (security.md I15). */
const SKEW = 300;

/** Whether the clock can be right. @param now  seconds since 1970 */
export function clock(now: number): Finding[] {
  if (now >= EARLIEST) return [ok("clock.plausible", `the clock says ${instant(now)}`)];
  const message = `the clock says ${instant(now)}, which is in the past: certificates and tokens will be refused`;
  return [found("problem", "clock.plausible", message, "timedatectl set-ntp true")];
}

/** Compares with what a peer's clock says. @param date  the peer's `Date` header */
export function clockAgainst(peer: string, date: string, now: number): Finding[] {
  const theirs = Date.parse(date) / 1000;
  if (!Number.isFinite(theirs)) return [];
  const difference = Math.round(now - theirs);
  const id = "clock.agrees";
  if (Math.abs(difference) <= SKEW) return [ok(id, `the clock agrees with that of ${peer} within ${SKEW} s`)];
  const message = `the clock is ${Math.abs(difference)} s ${difference < 0 ? "behind" : "ahead of"} that of ${peer}: tokens will be refused`;
  return [found("problem", id, message, "timedatectl set-ntp true")];
}

function instant(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace(".000", "");
}
