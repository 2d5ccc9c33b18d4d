import type { HttpClient } from "../../../system/index.ts";
import { type CollateralAccess, type ConfiguredOrigins, probeOrigin } from "../../../tee/tdx/index.ts";
import { type Finding, found, ok } from "../finding.ts";

/** Where this machine would get collateral, and how it is asked. */
export interface CollateralPlaces {
  readonly origins: ConfiguredOrigins;
  readonly client: HttpClient;
  readonly readFile: CollateralAccess["readFile"];
}

/**
 * Whether what a manufacturer says about its platforms can be had from here. Trustees and `cai verify` need it; a machine that only attests does
 * not, so that none can be had is worth knowing and no problem.
 */
export async function collateral({ origins, client, readFile }: CollateralPlaces): Promise<Finding[]> {
  const probed = await Promise.all((await origins.resolve()).map((origin) => probeOrigin(origin, { client, readFile })));
  const reached = probed.filter(({ error }) => error === undefined).map(({ origin }) => origin);
  const failures = probed.flatMap(({ origin, error }) => (error === undefined ? [] : [`${origin}: ${error.message}`]));
  const chosen = origins.from === "default" ? "by default" : `as ${origins.from} says`;
  if (failures.length === 0) return [ok("collateral.reachable", `collateral can be had from ${reached.join(", ")} (${chosen})`)];
  const message =
    reached.length > 0
      ? `collateral can be had from ${reached.join(", ")} (${chosen}), but not from every source: ${failures.join("; ")}`
      : `no source of collateral answers (${chosen}): ${failures.join("; ")}`;
  return [
    found(
      "info",
      "collateral.reachable",
      message,
      "name one that answers (--collateral-source), or carry a file of `cai collateral fetch` here (--collateral); only who verifies needs it",
    ),
  ];
}
