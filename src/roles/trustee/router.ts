import type { CollateralCache } from "../../tee/tdx/index.ts";
import { administrationRoutes } from "./administration-routes.ts";
import { type AttestationServiceParts, attestationServiceRoutes } from "./as/routes.ts";
import type { AttestationParts } from "./attestation.ts";
import { collateralRoutes } from "./collateral-routes.ts";
import { denialRoutes } from "./denial-routes.ts";
import { openApiDocument } from "./openapi.ts";
import { type OperationParts, operationRoutes } from "./operation-routes.ts";
import { EnvelopeKeys, envelopePlugin, type Plugin, pluginRoutes, resourcePlugin } from "./plugins/index.ts";
import { policyRoutes } from "./policy-routes.ts";
import { rcarRoutes } from "./rcar-routes.ts";
import { realmRoutes } from "./realm-routes.ts";
import { referenceRoutes } from "./reference-routes.ts";
import type { ReleaseParts } from "./release.ts";
import { resourceRoutes } from "./resource-routes.ts";
import { NO_BODY, type Route } from "./route.ts";
import { serviceRoutes } from "./service-routes.ts";
import { signerRoutes } from "./signer-routes.ts";

interface RouterParts {
  readonly collateral: CollateralCache;
  readonly operation: OperationParts;
}

/** The one table of everything that this server answers: route, method, right, body limit (security.md I23). */
export function routerTable(parts: AttestationParts & ReleaseParts & AttestationServiceParts & RouterParts): Route[] {
  const routes = [
    ...operationRoutes(parts.operation),
    ...serviceRoutes(parts.keys, parts.store.world),
    ...rcarRoutes(parts),
    ...pluginRoutes(parts, pluginsOf(parts)),
    ...resourceRoutes(parts.store, parts.realms),
    ...policyRoutes(parts.store, parts.family),
    ...referenceRoutes(parts.store, parts.usage),
    ...realmRoutes(parts.store, parts.realms),
    ...denialRoutes(parts.denials),
    ...administrationRoutes(parts.store),
    ...collateralRoutes(parts.collateral),
    ...signerRoutes(parts.keys.tokens),
    ...attestationServiceRoutes(parts),
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

/** The plugins of this trustee: resources, some of which may be envelopes that the trustee opens as it gives them out. */
function pluginsOf({ store }: ReleaseParts): Plugin[] {
  const keys = new EnvelopeKeys(store);
  return [envelopePlugin(keys), resourcePlugin(store, (content) => keys.open(content))];
}
