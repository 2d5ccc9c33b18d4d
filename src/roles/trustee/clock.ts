import { CaiError } from "../../system/index.ts";
import type { Store } from "./store/index.ts";

/** Seconds that the clock may be behind the last record before nothing is released or administered any more (security.md I15). */
const TOLERANCE = 300;

/** @throws CaiError `trustee.clock-behind`: time went back, or never was what the manufacturer's signed dates say, so no expiry can be believed */
export async function checkClock(store: Pick<Store, "lastTime" | "collateral">, now: number): Promise<void> {
  const times = [
    [await store.lastTime(), "the trustee's last record"],
    [await store.collateral.newestIssue(), "the date of the newest collateral"],
  ] as const;
  for (const [time, what] of times) {
    if (now >= time - TOLERANCE) continue;
    throw new CaiError("trustee.clock-behind", `the clock is behind ${what}`, {
      expected: `at least ${time - TOLERANCE}`,
      got: String(now),
      hint: "Set the clock of this machine.",
    });
  }
}

/**
 * Removes sessions that have expired, and what was spent and has expired at every time that {@link checkClock} still takes. Otherwise a
 * clock that is set back would find used nonces and admin tokens valid, and forgotten (security.md I2, I24).
 */
export async function forgetExpired(store: Store, now: number): Promise<void> {
  await store.prune(now, Math.min(now, (await store.lastTime()) - TOLERANCE));
}
