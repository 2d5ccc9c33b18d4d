import { z } from "zod";
import { encodeTokenReply, KBS_PREFIX, keyContext, parseResourcePath, rcarSchemas } from "../../protocol/index.ts";
import { CaiError } from "../../system/index.ts";
import { type AttestationParts, attest } from "./attestation.ts";
import { Gate } from "./gate.ts";
import { type ReleaseParts, release } from "./release.ts";
import { type Call, DEFAULT_BODY, NO_BODY, type Route, restOf, SMALL_BODY } from "./route.ts";
import { sessionCookie, sessionIdOf } from "./session-cookie.ts";

/**
 * Attests under way at a time: those that wait for a thread, those that are verified, and those that wait for a source of collateral, of which there
 * are fewer, so that a source that does not answer keeps out nobody whose collateral is there (security.md I40).
 */
export const MAX_ATTESTS = 256;

/** RFC 7516 §7.2.2 */
const jwe = z.object({ protected: z.string(), encrypted_key: z.string(), iv: z.string(), ciphertext: z.string(), tag: z.string() });

/** The routes that guests use: auth, attest, and the attested GET of a resource (trustee.md §1.2). */
export function rcarRoutes(parts: AttestationParts & ReleaseParts): Route[] {
  const gate = new Gate(MAX_ATTESTS);
  const resource = `${KBS_PREFIX}/resource/*`;
  return [
    {
      method: "POST",
      path: `${KBS_PREFIX}/auth`,
      about: {
        summary: "Opens a session: a nonce for the evidence to come",
        request: rcarSchemas.request,
        response: rcarSchemas.challenge,
      },
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
      about: { summary: "Verifies evidence and gives a token", request: rcarSchemas.attestation, response: rcarSchemas.token },
      right: "session",
      bodyLimit: DEFAULT_BODY,
      place: "attest",
      signed: true,
      async handle({ body, headers, client, now }) {
        const sessionId = sessionIdOf(headers.get("cookie"));
        const { token, expires } = await gate.run(() => attest(parts, { body, sessionId, client, now }));
        return {
          body: encodeTokenReply(token),
          headers: sessionId === undefined ? {} : { "set-cookie": sessionCookie(sessionId, expires) },
        };
      },
    },
    {
      method: "GET",
      path: resource,
      about: {
        summary: "Releases a secret to an attested environment, as a JWE to its key",
        response: jwe,
        rest: "repository/type/tag",
      },
      right: "session",
      bodyLimit: NO_BODY,
      place: "resource",
      signed: true,
      async handle(call) {
        const path = parseResourcePath(restOf(call.path, resource));
        const token = await tokenOf(parts, call);
        const onGrant = ({ teeKey }: { teeKey: Parameters<typeof keyContext>[0] }) => call.setContext(keyContext(teeKey));
        const query = Object.fromEntries(call.query);
        return { body: await release(parts, { path, query, token, client: call.client, now: call.now, onGrant }) };
      },
    },
  ];
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
