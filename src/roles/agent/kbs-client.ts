import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { type OpenedJwe, openJwe } from "../../crypto/index.ts";
import {
  formatResourcePath,
  formatResourceUri,
  KEYLESS_CONTEXT,
  keyContext,
  parseResourceUri,
  parseTeeKey,
  type ResourcePath,
  readUnverifiedClaims,
  teeKeyInToken,
} from "../../protocol/index.ts";
import { CaiError, type JsonObject, type JsonValue, type Logger } from "../../system/index.ts";
import { type AttestedSession, type HandshakeSettings, handshake } from "./handshake.ts";
import { connectTrustee, type TrusteeAnswer, type TrusteeSettings } from "./trustee-connection.ts";
import { type Refusal, readRefusal, refusalError } from "./trustee-refusal.ts";

export interface KbsClientSettings extends TrusteeSettings, HandshakeSettings {
  readonly logger: Logger;
}

/** Gets secrets from one trustee for this machine. */
export interface KbsClient {
  /**
   * Attests this machine anew; later calls of `resource` use that session.
   *
   * @throws CaiError as `handshake`
   */
  attest(signal?: AbortSignal): Promise<AttestedSession>;
  /**
   * Gets one resource: asks, is told to attest, attests, asks again (agent.md §3.3).
   *
   * @param uri  `kbs:///repository/type/tag`
   * @throws CaiError `agent.resource-denied`, `agent.resource-not-found`, `agent.response-mismatch`, `agent.response-not-for-us`,
   *   `agent.trustee-failed`, `net.response-invalid`, and as `attest`
   */
  resource(uri: string, signal?: AbortSignal): Promise<Uint8Array>;
  /**
   * Gets one resource with a token instead of a session. The answer is encrypted to the key in the token: without that key the
   * token opens nothing (security.md I20).
   *
   * @param privateKey  the token's key; without it, a key that the token knows nothing of
   * @throws CaiError `agent.token-refused`, `agent.response-not-for-us`, and as `resource`
   */
  resourceWithToken(uri: string, token: string, privateKey?: KeyObject, signal?: AbortSignal): Promise<Uint8Array>;
}

const MAX_ROUNDS = 3;
const ABOUT_THE_RESOURCE: readonly number[] = [200, 403, 404];

/** @throws CaiError `agent.trustee-unauthenticated`, `cli.setting-invalid` */
export function createKbsClient(settings: KbsClientSettings): KbsClient {
  const { logger } = settings;
  const connection = connectTrustee(settings);
  let session: AttestedSession | undefined;

  async function attest(signal?: AbortSignal): Promise<AttestedSession> {
    session = await handshake(connection, settings, signal);
    logger.info("attested", {
      trustee: connection.base,
      tid: connection.tid,
      tee: settings.attester.tee,
      simulated: settings.attester.simulated,
      binding: session.tagged ? "tagged" : "plain",
    });
    if (!session.tagged)
      logger.warn("the trustee takes no tagged evidence, so it cannot tell this agent's from other evidence of this machine");
    return session;
  }

  function get(path: ResourcePath, headers: Readonly<Record<string, string>>, context: Uint8Array, signal?: AbortSignal) {
    return connection.send({
      method: "GET",
      path: `/resource/${formatResourcePath(path)}`,
      headers,
      // Some errors come before the trustee knows whom it answers. What says something about the resource does not: a recorded 404
      // for another guest must not make this one believe that a model has no root.
      contexts: (status) => (ABOUT_THE_RESOURCE.includes(status) ? [context] : [context, KEYLESS_CONTEXT]),
      ...(signal && { signal }),
    });
  }

  return {
    attest,

    async resource(uri, signal) {
      const path = parseResourceUri(uri);
      let last: Refusal | undefined;
      for (let round = 1; round <= MAX_ROUNDS; round++) {
        const answer: TrusteeAnswer = await get(
          path,
          session ? { cookie: session.cookie } : {},
          session ? keyContext(session.teeKey) : KEYLESS_CONTEXT,
          signal,
        );
        if (answer.status === 200) {
          if (!session) throw unasked(connection.base);
          return open(answer, session.privateKey, path, session.tagged);
        }
        last = readRefusal(answer, connection.base);
        if (last.status !== 401 || last.variant === "PolicyDeny") throw resourceError(last, path);
        logger.debug("the trustee asks for attestation", { uri, round });
        if (round < MAX_ROUNDS) await attest(signal);
      }
      throw resourceError({ ...(last as Refusal), variant: "PolicyDeny" }, path);
    },

    async resourceWithToken(uri, token, privateKey, signal) {
      const path = parseResourceUri(uri);
      const claims = readUnverifiedClaims(token);
      const teeKey = parseTeeKey(teeKeyInToken(claims));
      const answer = await get(path, { authorization: `Bearer ${token}` }, keyContext(teeKey), signal);
      if (answer.status === 200) {
        const key = privateKey ?? generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
        return open(answer, key, path, isTagged(claims));
      }
      const refusal = readRefusal(answer, connection.base);
      if (refusal.status === 401 && refusal.variant !== "PolicyDeny") {
        throw refusalError("agent.token-refused", "the trustee does not accept this token", refusal);
      }
      throw resourceError(refusal, path);
    },
  };
}

/** @param named  true where the trustee must have written the resource's name into the answer (security.md §3.4) */
function open(answer: TrusteeAnswer, privateKey: KeyObject, path: ResourcePath, named: boolean): Uint8Array {
  const uri = formatResourceUri(path);
  let opened: OpenedJwe;
  try {
    opened = openJwe(parseJson(answer.body), privateKey);
  } catch (cause) {
    if (!(cause instanceof CaiError) || cause.id !== "crypto.jwe-not-for-this-key") throw cause;
    throw new CaiError("agent.response-not-for-us", `the answer for ${uri} does not open: it is encrypted to another key than this one's`, {
      expected: "an answer to the key of this attestation",
      got: "an answer to another key, or an altered one",
      hint: "a token without the key that was attested with it opens nothing",
      cause,
    });
  }
  if (opened.caiUri === uri || (!named && opened.caiUri === undefined)) return opened.plaintext;
  opened.plaintext.fill(0);
  throw new CaiError("agent.response-mismatch", "the answer is another resource than the one that was asked for", {
    expected: uri,
    got: opened.caiUri?.slice(0, 200) ?? "an answer that names no resource",
  });
}

/** A trustee names the resource in answers to tokens that came from a session that negotiated it, and tokens say so (security.md §3.6). */
function isTagged(claims: JsonObject): boolean {
  const cai = claims["cai"];
  return typeof cai === "object" && cai !== null && !Array.isArray(cai) && (cai as JsonObject)["binding"] === "tagged";
}

function parseJson(body: Uint8Array): JsonValue {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch (cause) {
    throw new CaiError("net.response-invalid", "the answer is not JSON", { expected: "an encrypted resource", cause });
  }
}

function resourceError(refusal: Refusal, path: ResourcePath): CaiError {
  const uri = formatResourceUri(path);
  if (refusal.variant === "PolicyDeny" || refusal.status === 403) {
    return refusalError("agent.resource-denied", `the trustee does not release ${uri} to this machine`, refusal);
  }
  // Upstream trustees answer a missing resource as an internal error of their plugin (trustee.md §1.11).
  const upstreamMissing = refusal.variant === "PluginInternalError" && refusal.id === undefined;
  if (refusal.status === 404 || upstreamMissing) {
    return refusalError("agent.resource-not-found", `the trustee has no ${uri}`, refusal);
  }
  return refusalError("agent.trustee-failed", `the trustee failed over ${uri}`, refusal);
}

function unasked(base: string): CaiError {
  return new CaiError("net.response-invalid", `${base} answered a request without attestation, which no trustee does`, {
    expected: "status 401",
    got: "status 200",
  });
}
