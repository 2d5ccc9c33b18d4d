import { z } from "zod";
import { CaiError, type JsonObject, type JsonValue } from "../system/index.ts";
import { malformed, parseJsonText } from "./json-text.ts";
import { caiBinding, DEFAULT_HASH, HASH_ALGORITHMS, type HashAlgorithm, otherPurpose } from "./runtime-data.ts";
import { jsonValue, parseWith, tid } from "./schema.ts";
import { parseTeeKey, type TeeKey, teeKeyJson } from "./tee-key.ts";
import { PROTOCOL_VERSION } from "./versions.ts";

/** Path prefix of the protocol (trustee.md §1.1). */
export const KBS_PREFIX = "/kbs/v0";

/** Name of the session cookie (trustee.md §1.5). */
export const SESSION_COOKIE = "kbs-session-id";

/** The largest bodies that are parsed, in bytes. */
export const MESSAGE_LIMITS = { request: 64 * 1024, challenge: 64 * 1024, attestation: 2 * 1024 * 1024, token: 1024 * 1024 } as const;

const MAX_NONCE = 4096;
const MAX_INIT_DATA = 256 * 1024;
const teeName = z.string().regex(/^[a-z0-9-]{1,32}$/, "expected a platform name");

/** POST auth (trustee.md §1.3). */
export interface RcarRequest {
  readonly version: string;
  readonly tee: string;
  /** true where the guest offers tagged binding (security.md §3.3) */
  readonly offersTagged: boolean;
}

const requestMessage = z.object({ version: z.string().min(1).max(32), tee: teeName, "extra-params": jsonValue });
const requestParams = z.object({
  cai: z
    .object({ v: z.literal(1) })
    .optional()
    .catch(undefined),
});

/** @throws CaiError `kbs.message-malformed` */
export function parseRequest(bytes: Uint8Array): RcarRequest {
  const message = parseWith(requestMessage, parseJsonText(bytes, "auth request", MESSAGE_LIMITS.request), "auth request");
  const params = requestParams.safeParse(message["extra-params"]).data;
  return { version: message.version, tee: message.tee, offersTagged: params?.cai !== undefined };
}

/** @returns the body of POST auth; upstream trustees ignore the `cai` offer */
export function encodeRequest(tee: string): string {
  return JSON.stringify({
    version: PROTOCOL_VERSION,
    tee,
    "extra-params": { "supported-hash-algorithms": HASH_ALGORITHMS, cai: { v: 1 } },
  });
}

/** The answer to auth (trustee.md §1.5). */
export interface RcarChallenge {
  readonly nonce: string;
  readonly hash: HashAlgorithm;
  /** the trustee's identity, where it takes tagged binding (security.md §3.3) */
  readonly tid?: string;
}

const challengeMessage = z.object({ nonce: z.string().min(1).max(MAX_NONCE), "extra-params": jsonValue.optional() });
const challengeParams = z.object({
  "selected-hash-algorithm": z.string().optional(),
  cai: z.object({ v: z.literal(1), tid }).optional(),
});

/** @throws CaiError `kbs.message-malformed`, `kbs.hash-unsupported` */
export function parseChallenge(bytes: Uint8Array): RcarChallenge {
  const message = parseWith(challengeMessage, parseJsonText(bytes, "challenge", MESSAGE_LIMITS.challenge), "challenge");
  const extra = message["extra-params"];
  // Older servers send an empty string; anything that is no object selects nothing (agent.md §3.3).
  const params = typeof extra === "object" && extra !== null ? parseWith(challengeParams, extra, "challenge extra-params") : {};
  const selected = (params["selected-hash-algorithm"] ?? DEFAULT_HASH).toLowerCase();
  const hash = HASH_ALGORITHMS.find((name) => name === selected);
  if (!hash) {
    const details = { expected: HASH_ALGORITHMS.join(", "), got: selected.slice(0, 32) };
    throw new CaiError("kbs.hash-unsupported", "the trustee chose a hash algorithm that this agent does not have", details);
  }
  return { nonce: message.nonce, hash, ...(params.cai && { tid: params.cai.tid }) };
}

/**
 * @returns the body that answers auth: to a guest that offered tagged binding with `tid`, to every other guest as upstream, which names
 *   the algorithm only where it is not the one that guests take by themselves (trustee.md §1.5)
 */
export function encodeChallenge({
  nonce,
  hash = DEFAULT_HASH,
  tid,
}: Omit<RcarChallenge, "hash"> & { readonly hash?: HashAlgorithm }): string {
  const selected = { "selected-hash-algorithm": hash };
  const extra = tid !== undefined ? { ...selected, cai: { v: 1, tid } } : hash === DEFAULT_HASH ? "" : selected;
  return JSON.stringify({ nonce, "extra-params": extra });
}

/** Configuration that was measured into the guest when it started (agent.md §8): the exact text that was hashed. */
export interface InitData {
  readonly format: "toml";
  readonly body: string;
}

/** POST attest (trustee.md §1.6). */
export interface RcarAttestation {
  readonly initData?: InitData;
  readonly nonce: string;
  readonly teeKey: TeeKey;
  /** the trustee that the guest names, where it tags its report data */
  readonly tid?: string;
  readonly primaryEvidence: JsonValue;
  /** JSON text, or empty; hashed as it is */
  readonly additionalEvidence: string;
}

const attestationMessage = z.object({
  "init-data": z.object({ format: z.literal("toml"), body: z.string().max(MAX_INIT_DATA) }).nullish(),
  "runtime-data": jsonValue,
  "tee-evidence": z.object({ primary_evidence: jsonValue, additional_evidence: z.string() }),
});
const attestationRuntimeData = z.strictObject({
  nonce: z.string().min(1).max(MAX_NONCE),
  "tee-pubkey": jsonValue,
  cai: caiBinding.optional(),
});

/** @throws CaiError `kbs.message-malformed`, `kbs.evidence-purpose` for foreign members of `runtime-data`, `kbs.tee-key-invalid` */
export function parseAttestation(bytes: Uint8Array): RcarAttestation {
  const what = "attest request";
  const message = parseWith(attestationMessage, parseJsonText(bytes, what, MESSAGE_LIMITS.attestation), what);
  const runtimeData = attestationRuntimeData.safeParse(message["runtime-data"]);
  if (!runtimeData.success) throw otherPurpose("nonce, tee-pubkey and, where negotiated, cai", message["runtime-data"]);
  const initData = message["init-data"];
  const { nonce, "tee-pubkey": key, cai } = runtimeData.data;
  return {
    ...(initData && { initData }),
    nonce,
    teeKey: parseTeeKey(key),
    ...(cai && { tid: cai.tid }),
    primaryEvidence: message["tee-evidence"].primary_evidence,
    additionalEvidence: message["tee-evidence"].additional_evidence,
  };
}

/** @returns the body of POST attest */
export function encodeAttestation({ initData, nonce, teeKey, tid, primaryEvidence, additionalEvidence }: RcarAttestation): string {
  return JSON.stringify({
    "init-data": initData ?? null,
    "runtime-data": { nonce, "tee-pubkey": teeKeyJson(teeKey), ...(tid !== undefined && { cai: { purpose: "rcar", tid } }) },
    "tee-evidence": { primary_evidence: primaryEvidence, additional_evidence: additionalEvidence },
  });
}

const MAX_DEVICES = 64;

/**
 * Reads the text of `additional_evidence`: an object from platform name to evidence, or empty.
 *
 * @throws CaiError `kbs.message-malformed`
 */
export function parseAdditionalEvidence(text: string): ReadonlyMap<string, JsonValue> {
  if (text === "") return new Map();
  const what = "additional_evidence";
  const value = parseJsonText(new TextEncoder().encode(text), what, MESSAGE_LIMITS.attestation);
  // The schema would leave this name out without a word, and the evidence would count as none.
  if (value !== null && Object.hasOwn(Object(value), "__proto__")) throw malformed(what, "names of platforms", "another name");
  const devices = Object.entries(parseWith(z.record(teeName, jsonValue), value, what));
  if (devices.length > MAX_DEVICES) throw malformed(what, `at most ${MAX_DEVICES} devices`, String(devices.length));
  return new Map(devices);
}

const tokenReply = z.object({ token: z.string().regex(/^[\w-]+\.[\w-]+\.[\w-]+$/, "expected a compact JWS") });

/**
 * @returns the token of the answer to attest, not verified
 * @throws CaiError `kbs.message-malformed`
 */
export function parseTokenReply(bytes: Uint8Array): string {
  return parseWith(tokenReply, parseJsonText(bytes, "attest answer", MESSAGE_LIMITS.token), "attest answer").token;
}

/** @returns the body that answers attest */
export function encodeTokenReply(token: string): string {
  return JSON.stringify({ token } satisfies JsonObject);
}

/**
 * Decides how evidence is bound, from what was negotiated and what the guest sent (security.md §3.3).
 *
 * @param ownTid      this trustee's identity
 * @param negotiated  true where the session's guest offered tagged binding and was given `ownTid`
 * @param sentTid     the `tid` in the guest's runtime data
 * @throws CaiError `kbs.binding-untagged`, `kbs.evidence-tid`; `kbs.evidence-purpose` for a tag that nobody negotiated
 */
export function checkBinding(ownTid: string, negotiated: boolean, sentTid: string | undefined): "tagged" | "plain" {
  if (sentTid !== undefined && sentTid !== ownTid) {
    throw new CaiError("kbs.evidence-tid", "the evidence was made for another trustee", { expected: ownTid, got: sentTid });
  }
  if (negotiated && sentTid === undefined) {
    throw new CaiError("kbs.binding-untagged", "tagged report data was negotiated, but the evidence is untagged");
  }
  if (!negotiated && sentTid !== undefined) {
    throw new CaiError("kbs.evidence-purpose", "the runtime data names a trustee, but tagged binding was not negotiated");
  }
  return negotiated ? "tagged" : "plain";
}

/** The schemas of RCAR's messages, for those who describe them. */
export const rcarSchemas = {
  request: requestMessage,
  challenge: challengeMessage,
  attestation: attestationMessage,
  token: tokenReply,
} as const;
