import type { CollateralCache } from "../../tee/tdx/index.ts";
import { administrationRoutes } from "./administration-routes.ts";
import type { AttestationParts } from "./attestation.ts";
import { collateralRoutes } from "./collateral-routes.ts";
import { denialRoutes } from "./denial-routes.ts";
import { policyRoutes } from "./policy-routes.ts";
import { rcarRoutes } from "./rcar-routes.ts";
import { realmRoutes } from "./realm-routes.ts";
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
    ...resourceRoutes(parts.store, parts.realms),
    ...policyRoutes(parts.store),
    ...referenceRoutes(parts.store, parts.usage),
    ...realmRoutes(parts.store, parts.realms),
    ...denialRoutes(parts.denials),
    ...administrationRoutes(parts.store),
    ...collateralRoutes(parts.collateral),
  ];
}
