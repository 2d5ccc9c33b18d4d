import { encodeTokenReply, KBS_PREFIX, rcarSchemas } from "../../protocol/index.ts";
import { type AttestationParts, attest } from "./attestation.ts";
import { Gate } from "./gate.ts";
import { DEFAULT_BODY, type Route, SMALL_BODY } from "./route.ts";
import { sessionCookie, sessionIdOf } from "./session-cookie.ts";

/**
 * Attests under way at a time: those that wait for a thread, those that are verified, and those that wait for a source of collateral, of which there
 * are fewer, so that a source that does not answer keeps out nobody whose collateral is there (security.md I40).
 */
export const MAX_ATTESTS = 256;

/** The two routes of the handshake: auth and attest (trustee.md §1.2). */
export function rcarRoutes(parts: AttestationParts): Route[] {
  const gate = new Gate(MAX_ATTESTS);
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
  ];
}
