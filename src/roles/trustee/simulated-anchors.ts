import { readFileSync } from "node:fs";
import { CaiError } from "../../system/index.ts";
import type { TrustAnchor } from "../../tee/index.ts";
import { loadAnchors } from "../../tee/tdx/index.ts";

/**
 * Reads the root certificate of a simulated platform.
 *
 * @throws CaiError `cli.input-unreadable`, and what {@link loadAnchors} throws
 */
export function readAnchor(path: string): TrustAnchor {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    throw new CaiError("cli.input-unreadable", `cannot read the trust anchor ${path}`, {
      got: (error as NodeJS.ErrnoException).code ?? String(error),
    });
  }
  // Production roots are built in and nothing adds one (security.md I13), so whatever is named is taken as a simulated platform's.
  return loadAnchors(bytes, true);
}

/**
 * What a production trustee must not be given (security.md I11).
 *
 * @throws CaiError `trustee.simulated-evidence`, `trustee.simulated-anchor`
 */
export function requireProduction(simulated: readonly TrustAnchor[], acceptSample: boolean): void {
  if (acceptSample) {
    throw new CaiError("trustee.simulated-evidence", "a production trustee was told to take sample evidence", {
      hint: "Leave --accept-sample out, or make a simulated trustee with `cai trustee init --simulated`.",
    });
  }
  if (simulated.length === 0) return;
  throw new CaiError("trustee.simulated-anchor", "a production trustee was given the trust anchor of a simulated platform", {
    hint: "Leave the anchor out, or make a simulated trustee with `cai trustee init --simulated`.",
  });
}
