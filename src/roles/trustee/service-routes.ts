import { jwks } from "./attestation-token.ts";
import type { TrusteeKeys } from "./identity.ts";
import { NO_BODY, type Route } from "./route.ts";

/** What probes and relying parties read: the health check, and the key that signs tokens. */
export function serviceRoutes({ tokens }: TrusteeKeys): Route[] {
  const open = { method: "GET", right: "public", bodyLimit: NO_BODY, place: "resource", signed: false } as const;
  const keySet = JSON.stringify(jwks(tokens));
  return [
    { ...open, path: "/healthz", handle: async () => ({}) },
    { ...open, path: "/.well-known/jwks.json", handle: async () => ({ body: keySet }) },
  ];
}
