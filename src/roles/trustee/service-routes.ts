import { KBS_PREFIX } from "../../protocol/index.ts";
import type { TrusteeKeys } from "./identity.ts";
import { NO_BODY, type Route } from "./route.ts";
import type { World } from "./store/index.ts";

/** What probes, relying parties and administrators read: the health check, and who this trustee is. */
export function serviceRoutes({ tid }: TrusteeKeys, world: World): Route[] {
  const open = { method: "GET", right: "public", bodyLimit: NO_BODY, place: "resource", signed: false } as const;
  const identity = JSON.stringify({ tid, world });
  return [
    { ...open, path: "/healthz", handle: async () => ({}) },
    { ...open, path: `${KBS_PREFIX}/cai/identity`, signed: true, handle: async () => ({ body: identity }) },
  ];
}
