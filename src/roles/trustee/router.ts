import type { CollateralCache } from "../../tee/tdx/index.ts";
import type { AttestationParts } from "./attestation.ts";
import { collateralRoutes } from "./collateral-routes.ts";
import { decisionRoutes } from "./decision-routes.ts";
import { policyRoutes } from "./policy-routes.ts";
import { rcarRoutes } from "./rcar-routes.ts";
import { referenceRoutes } from "./reference-routes.ts";
import type { ReleaseParts } from "./release.ts";
import { resourceRoutes } from "./resource-routes.ts";
import type { Route } from "./route.ts";
import { serviceRoutes } from "./service-routes.ts";

/** The one table of everything that this server answers: route, method, right, body limit (security.md I23). */
export function routerTable(parts: AttestationParts & ReleaseParts & { readonly collateral: CollateralCache }): Route[] {
  return [
    ...serviceRoutes(parts.keys, parts.store.world),
    ...rcarRoutes(parts),
    ...resourceRoutes(parts.store),
    ...policyRoutes(parts.store),
    ...referenceRoutes(parts.store),
    ...collateralRoutes(parts.collateral),
    ...decisionRoutes(parts.store),
  ];
}
