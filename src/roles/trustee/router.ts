import type { CollateralCache } from "../../tee/tdx/index.ts";
import type { AttestationParts } from "./attestation.ts";
import { collateralRoutes } from "./collateral-routes.ts";
import { openApiDocument } from "./openapi.ts";
import { type OperationParts, operationRoutes } from "./operation-routes.ts";
import { policyRoutes } from "./policy-routes.ts";
import { rcarRoutes } from "./rcar-routes.ts";
import { referenceRoutes } from "./reference-routes.ts";
import type { ReleaseParts } from "./release.ts";
import { resourceRoutes } from "./resource-routes.ts";
import { NO_BODY, type Route } from "./route.ts";
import { serviceRoutes } from "./service-routes.ts";

interface RouterParts {
  readonly collateral: CollateralCache;
  readonly operation: OperationParts;
}

/** The one table of everything that this server answers: route, method, right, body limit (security.md I23). */
export function routerTable(parts: AttestationParts & ReleaseParts & RouterParts): Route[] {
  const routes = [
    ...operationRoutes(parts.operation),
    ...serviceRoutes(parts.keys, parts.store.world),
    ...rcarRoutes(parts),
    ...resourceRoutes(parts.store),
    ...policyRoutes(parts.store),
    ...referenceRoutes(parts.store),
    ...collateralRoutes(parts.collateral),
  ];
  return [...routes, description(routes)];
}

/** The description of every route, itself included. */
function description(routes: readonly Route[]): Route {
  let text: string | undefined;
  const route: Route = {
    method: "GET",
    path: "/openapi.json",
    right: "public",
    about: { summary: "This description", response: "application/json" },
    bodyLimit: NO_BODY,
    place: "resource",
    signed: false,
    async handle() {
      text ??= JSON.stringify(openApiDocument([...routes, route]));
      return { body: text };
    },
  };
  return route;
}
