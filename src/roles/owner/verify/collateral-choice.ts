import { CaiError } from "../../../system/index.ts";
import type { TrustAnchor } from "../../../tee/index.ts";
import {
  type Collateral,
  type CollateralRequest,
  type CollateralSource,
  collateralFrom,
  fittingSets,
  parseCollateralFile,
  parseCollateralUpdate,
} from "../../../tee/tdx/index.ts";
import { localAccess, localOrigins } from "../collateral.ts";

/** Where collateral for one verification comes from. */
export interface CollateralChoice {
  readonly source: CollateralSource;
  /** PEM: the machine's chain, where the collateral brings one */
  readonly pckChain: string | undefined;
}

/** Where a verification without a file of collateral looks for it. */
export interface CollateralSettings {
  readonly "collateral-source": string | undefined;
  readonly "collateral-source-ca": string | undefined;
  readonly "collateral-update": string;
  readonly "collateral-timeout": number;
}

/**
 * Collateral from a file: the only set of it, whatever it is for, since the verification says what is wrong with it; of several, the one for the
 * machine.
 *
 * @throws CaiError `tdx.collateral-malformed`; its source `tdx.collateral-unknown`
 */
export function collateralOfFile(text: string): CollateralChoice {
  const sets = parseCollateralFile(text);
  const [only] = sets;
  if (sets.length === 1 && only !== undefined) return { source: () => only.collateral, pckChain: only.collateral.pckCertificateChain };
  const source = (request: CollateralRequest): Collateral => {
    const [found] = fittingSets(sets, request);
    if (found !== undefined) return found.collateral;
    const { tee, fmspc, ca } = request;
    throw new CaiError("tdx.collateral-unknown", `the file of collateral has none for ${tee.toUpperCase()}, FMSPC ${fmspc} (${ca} CA)`);
  };
  return { source, pckChain: undefined };
}

/**
 * Collateral from the services that this machine is set up for, or that the user names. They are asked only about a machine whose quote's own
 * signatures hold (security.md I40).
 *
 * @param now  seconds since 1970, by which a set is current
 * @throws CaiError `cli.setting-invalid`; its source what `collateralFrom` throws
 */
export async function collateralOfServices(
  settings: CollateralSettings,
  anchors: readonly TrustAnchor[],
  now: number,
  signal: AbortSignal,
): Promise<CollateralChoice> {
  const origins = await localOrigins(settings["collateral-source"]);
  const access = localAccess(
    { timeout: settings["collateral-timeout"], "source-ca": settings["collateral-source-ca"] },
    { anchors, update: parseCollateralUpdate(settings["collateral-update"]), signal },
  );
  return { source: collateralFrom(origins, { ...access, now: () => now }), pckChain: undefined };
}
