import { KBS_PREFIX } from "../../protocol/index.ts";
import { jwks } from "./attestation-token.ts";
import type { TrusteeKeys } from "./identity.ts";
import { NO_BODY, type Route } from "./route.ts";
import type { World } from "./store/index.ts";

/** What probes, relying parties and administrators read: the health check, the key that signs tokens, and who this trustee is. */
export function serviceRoutes({ tid, tokens }: TrusteeKeys, world: World): Route[] {
  const open = { method: "GET", right: "public", bodyLimit: NO_BODY, place: "resource", signed: false } as const;
  const keySet = JSON.stringify(jwks(tokens));
  const identity = JSON.stringify({ tid, world });
  return [
    { ...open, path: "/healthz", handle: async () => ({}) },
    { ...open, path: "/.well-known/jwks.json", handle: async () => ({ body: keySet }) },
    { ...open, path: `${KBS_PREFIX}/cai/identity`, signed: true, handle: async () => ({ body: identity }) },
  ];
}
