import { z } from "zod";
import { KBS_PREFIX } from "../../protocol/index.ts";
import { jwks } from "./attestation-token.ts";
import type { TrusteeKeys } from "./identity.ts";
import { NO_BODY, type Route } from "./route.ts";
import type { World } from "./store/index.ts";

const keySetAnswer = z.object({ keys: z.array(z.looseObject({ kty: z.string(), alg: z.string(), kid: z.string().optional() })) });
const identityAnswer = z.object({ tid: z.string(), world: z.enum(["production", "simulated"]) });

/** What relying parties and administrators read: the key that signs tokens, and who this trustee is. */
export function serviceRoutes({ tid, tokens }: TrusteeKeys, world: World): Route[] {
  const open = { method: "GET", right: "public", bodyLimit: NO_BODY, place: "resource", signed: false } as const;
  const keySet = JSON.stringify(jwks(tokens));
  const identity = JSON.stringify({ tid, world });
  return [
    {
      ...open,
      path: "/.well-known/jwks.json",
      about: { summary: "The keys that attestation tokens are signed by", response: keySetAnswer },
      handle: async () => ({ body: keySet }),
    },
    {
      ...open,
      path: `${KBS_PREFIX}/cai/identity`,
      signed: true,
      about: { summary: "Who this trustee is, and whether it meets simulated platforms", response: identityAnswer },
      handle: async () => ({ body: identity }),
    },
  ];
}
