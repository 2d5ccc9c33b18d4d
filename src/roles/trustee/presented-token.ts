import type { PeerFamily } from "../../protocol/index.ts";
import { CaiError } from "../../system/index.ts";
import type { Call } from "./route.ts";
import { sessionIdOf } from "./session-cookie.ts";
import type { Store } from "./store/index.ts";

/**
 * Finds the token of a guest's request, in this order: the session, the header `Attestation`, `Authorization: Bearer` (trustee.md §1.10). The CoCo
 * family does not know the second.
 *
 * @throws CaiError `kbs.token-missing`
 */
export async function tokenOf(
  { store, family }: { readonly store: Pick<Store, "sessions">; readonly family: PeerFamily },
  { headers, now }: Pick<Call, "headers" | "now">,
): Promise<string> {
  const sessionId = sessionIdOf(headers.get("cookie"));
  const session = sessionId === undefined ? undefined : await store.sessions.get(sessionId, now);
  const attestation = family === "openanolis" ? (headers.get("attestation") ?? undefined) : undefined;
  const token = session?.token ?? attestation ?? bearerOf(headers);
  if (token === undefined) throw new CaiError("kbs.token-missing", "the request carries no attestation token", { hint: "Attest first." });
  return token;
}

/** @returns the text after `Bearer ` in `Authorization`, or undefined */
export function bearerOf(headers: Headers): string | undefined {
  return /^Bearer +(\S+)$/i.exec(headers.get("authorization") ?? "")?.[1];
}
