import { z } from "zod";
import { KBS_PREFIX } from "../../protocol/index.ts";
import type { TrusteeKeys } from "./identity.ts";
import { NO_BODY, type Route } from "./route.ts";
import type { World } from "./store/index.ts";

const identityAnswer = z.object({ tid: z.string(), world: z.enum(["production", "simulated"]) });

/** What administrators read before anything else: who this trustee is. */
export function serviceRoutes({ tid }: TrusteeKeys, world: World): Route[] {
  const open = { method: "GET", right: "public", bodyLimit: NO_BODY, place: "resource", signed: false } as const;
  const identity = JSON.stringify({ tid, world });
  return [
    {
      ...open,
      path: `${KBS_PREFIX}/cai/identity`,
      signed: true,
      about: { summary: "Who this trustee is, and whether it meets simulated platforms", response: identityAnswer },
      handle: async () => ({ body: identity }),
    },
  ];
}
