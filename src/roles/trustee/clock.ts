import { CaiError } from "../../system/index.ts";
import type { Store } from "./store/index.ts";

/** Seconds that the clock may be behind the last record before nothing is released any more (security.md I15). */
const TOLERANCE = 300;

/** @throws CaiError `trustee.clock-behind`: time went back, so no expiry can be believed */
export async function checkClock(store: Store, now: number): Promise<void> {
  const last = await store.lastTime();
  if (now < last - TOLERANCE) {
    throw new CaiError("trustee.clock-behind", "the clock is behind the trustee's last record", {
      expected: `at least ${last - TOLERANCE}`,
      got: String(now),
      hint: "Set the clock of this machine.",
    });
  }
}
