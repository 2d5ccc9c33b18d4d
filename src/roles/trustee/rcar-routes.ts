import { encodeTokenReply, KBS_PREFIX, keyContext, parseResourcePath } from "../../protocol/index.ts";
import { CaiError } from "../../system/index.ts";
import { type AttestationParts, attest } from "./attestation.ts";
import { Gate } from "./gate.ts";
import { type ReleaseParts, release } from "./release.ts";
import { type Call, DEFAULT_BODY, NO_BODY, type Route, restOf, SMALL_BODY } from "./route.ts";
import { sessionCookie, sessionIdOf } from "./session-cookie.ts";
import { unverifiedFacts } from "./unverified.ts";

/**
 * Attests under way at a time: those that wait for a thread, those that are verified, and those that wait for a source of collateral, of which there
 * are fewer, so that a source that does not answer keeps out nobody whose collateral is there (security.md I40).
 */
export const MAX_ATTESTS = 256;

/** The routes that guests use: auth, attest, and the attested GET of a resource (trustee.md §1.2). */
export function rcarRoutes(parts: AttestationParts & ReleaseParts): Route[] {
  const gate = new Gate(MAX_ATTESTS);
  const resource = `${KBS_PREFIX}/resource/*`;
  return [
    {
      method: "POST",
      path: `${KBS_PREFIX}/auth`,
      right: "public",
      bodyLimit: SMALL_BODY,
      place: "auth",
      signed: true,
      async handle({ body, now }) {
        const { sessionId, expires, challenge } = parts.handshakes.open(body, now);
        return { body: challenge, headers: { "set-cookie": sessionCookie(sessionId, expires) } };
      },
    },
    {
      method: "POST",
      path: `${KBS_PREFIX}/attest`,
      right: "session",
      bodyLimit: DEFAULT_BODY,
      place: "attest",
      signed: true,
      async handle(call) {
        const { body, headers, client, now } = call;
        const sessionId = sessionIdOf(headers.get("cookie"));
        const { token, expires } = await gate.run(() => attest(parts, { body, sessionId, client, now, about: aboutOf(call) }));
        return {
          body: encodeTokenReply(token),
          headers: sessionId === undefined ? {} : { "set-cookie": sessionCookie(sessionId, expires) },
        };
      },
    },
    {
      method: "GET",
      path: resource,
      right: "session",
      bodyLimit: NO_BODY,
      place: "resource",
      signed: true,
      async handle(call) {
        const path = parseResourcePath(restOf(call.path, resource));
        const token = await tokenOf(parts, call);
        const onGrant = ({ teeKey }: { teeKey: Parameters<typeof keyContext>[0] }) => call.setContext(keyContext(teeKey));
        const query = Object.fromEntries(call.query);
        const { client, now } = call;
        return { body: await release(parts, { path, query, token, client, now, about: aboutOf(call), onGrant }) };
      },
    },
  ];
}

/** What records say of a request besides who sent it and when. */
function aboutOf({ requestId, headers }: Call): { request: string | undefined; unverified: Readonly<Record<string, string>> | undefined } {
  return { request: requestId, unverified: unverifiedFacts(headers) };
}

/** Where a token is looked for, in this order: the session, the header `Attestation`, `Authorization: Bearer` (trustee.md §1.10). */
async function tokenOf({ store }: ReleaseParts, { headers, now }: Call): Promise<string> {
  const sessionId = sessionIdOf(headers.get("cookie"));
  const session = sessionId === undefined ? undefined : await store.sessions.get(sessionId, now);
  const token = session?.token ?? headers.get("attestation") ?? bearerOf(headers);
  if (token === undefined) throw new CaiError("kbs.token-missing", "the request carries no attestation token", { hint: "Attest first." });
  return token;
}

/** @returns the text after `Bearer ` in `Authorization`, or undefined */
export function bearerOf(headers: Headers): string | undefined {
  return /^Bearer +(\S+)$/i.exec(headers.get("authorization") ?? "")?.[1];
}
