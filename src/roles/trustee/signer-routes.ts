import { z } from "zod";
import { KBS_PREFIX } from "../../protocol/index.ts";
import { parseJsonBody } from "./json-body.ts";
import { NO_BODY, type Route, SMALL_BODY } from "./route.ts";
import { TOKEN_ALGORITHMS } from "./signer-schedule.ts";
import type { TokenSigners } from "./token-signers.ts";

const rotation = z.strictObject({
  alg: z.enum(TOKEN_ALGORITHMS).default("ES256"),
  /** seconds since 1970; default: now */
  from: z.int().optional(),
  /** true where tokens of earlier signers are not to be taken any more */
  alone: z.boolean().default(false),
});

/** Administrators look at the keys that sign tokens, and replace them. */
export function signerRoutes(signers: TokenSigners): Route[] {
  const path = `${KBS_PREFIX}/cai/signers`;
  const admin = { path, place: "admin", signed: true } as const;
  return [
    {
      ...admin,
      method: "GET",
      right: "key.read",
      about: { summary: "Lists the keys that sign tokens", response: "application/json" },
      bodyLimit: NO_BODY,
      async handle({ now }) {
        return { body: JSON.stringify(await signers.list(now)) };
      },
    },
    {
      ...admin,
      method: "POST",
      right: "key.write",
      about: { summary: "Has a new key sign tokens", request: rotation, response: "application/json" },
      bodyLimit: SMALL_BODY,
      async handle({ body, now }) {
        const { alg, from = now, alone } = parseJsonBody(rotation, body);
        const kid = await signers.rotate({ alg, from, alone, now });
        return { body: JSON.stringify({ kid }), change: { signer: kid, alg, from, alone } };
      },
    },
  ];
}
