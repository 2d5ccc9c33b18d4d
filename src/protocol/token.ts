import { isDeepStrictEqual } from "node:util";
import { decodeJwt } from "jose";
import { z } from "zod";
import { CaiError, type JsonObject, type JsonValue } from "../system/index.ts";
import { parseRcarRuntimeData, parseServiceRuntimeData } from "./runtime-data.ts";
import { jsonValue, tid } from "./schema.ts";
import type { TeeKey } from "./tee-key.ts";
import type { ProtocolVersion } from "./versions.ts";

/** The profile that EAR tokens of this protocol name (trustee.md §5.2). */
export const EAR_PROFILE = "tag:github.com,2024:confidential-containers/Trustee";

const seconds = z.int().nonnegative();
const trustClaim = z.int().min(-128).max(127);

/** What `cai` says about a token that it mints; other verifiers ignore it (security.md §3.6). */
const caiMember = z.object({
  v: z.literal(1),
  use: z.enum(["kbs", "as"]),
  tid,
  world: z.enum(["production", "simulated"]),
  fresh: z.enum(["nonce", "challenge", "none"]),
  binding: z.enum(["tagged", "plain", "none"]),
  protocol: z.string().max(16),
  /** lower-case hex SHA-384 of the attestation policy's text */
  policy_hash: z.string().regex(/^[0-9a-f]{96}$/),
  level: z.enum(["L0", "L1", "L2", "L3"]),
  /** the public id of the decision that the token came from: what is released with it is recorded together with that */
  decision: z
    .string()
    .regex(/^[a-z2-7]{16}$/)
    .optional(),
});

const submodule = z.object({
  "ear.status": z.enum(["none", "affirming", "warning", "contraindicated"]),
  "ear.trustworthiness-vector": z.partialRecord(
    z.enum([
      "instance-identity",
      "configuration",
      "executables",
      "file-system",
      "hardware",
      "runtime-opaque",
      "storage-opaque",
      "sourced-data",
    ]),
    trustClaim,
  ),
  "ear.appraisal-policy-id": z.string().max(128),
  "ear.veraison.annotated-evidence": z.record(z.string(), jsonValue),
});

const earClaims = z.object({
  eat_profile: z.string().max(128),
  iat: seconds,
  exp: seconds,
  iss: z.string().max(128).optional(),
  "ear.verifier-id": z.object({ developer: z.string(), build: z.string() }),
  submods: z.record(z.string().regex(/^[a-z]{1,16}\d{1,3}$/), submodule),
  /** present and true in a token about a simulated platform */
  simulated: z.boolean().optional(),
  cai: caiMember.optional(),
});

export type CaiTokenMember = z.output<typeof caiMember>;
export type EarSubmodule = z.output<typeof submodule>;
/** The claims of an attestation token in EAR form, by their names on the wire (trustee.md §5.2). */
export type EarClaims = z.output<typeof earClaims>;

/** The submodule that carries the key: the primary evidence, of class cpu (security.md I1). */
export const PRIMARY_SUBMODULE = "cpu0";

/**
 * Reads the payload of a token whose signature the caller has verified.
 *
 * @throws CaiError `kbs.token-malformed`
 */
export function parseEarClaims(payload: unknown): EarClaims {
  const result = earClaims.safeParse(payload);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw malformedToken(`/${issue?.path.join("/") ?? ""}: ${issue?.message ?? "another value"}`);
}

/** What a token must say to open a resource now. */
export interface TokenExpectation {
  readonly tid: string;
  readonly world: "production" | "simulated";
  /** id and lower-case hex SHA-384 of the attestation policy in force for RCAR */
  readonly policyId: string;
  readonly policyHash: string;
  /** where tokens of the attestation service are taken: the policies that they may be appraised under, id to hash (security.md I6) */
  readonly attestationService?: ReadonlyMap<string, string>;
  /** the versions of the protocol that this trustee speaks */
  readonly versions: readonly ProtocolVersion[];
  /** seconds since 1970 */
  readonly now: number;
}

/**
 * Decides whether claims may open resources at all, before any policy is asked (security.md I4, I6, I19).
 *
 * @returns the attested key: answers are encrypted to it and to nothing else
 * @throws CaiError `kbs.token-expired`, `kbs.token-use`, `kbs.token-issuer`, `kbs.token-policy`, `kbs.token-not-fresh`,
 *   `kbs.version-unsupported`, `kbs.evidence-purpose`, `kbs.evidence-class`, `kbs.tee-key-invalid`, `kbs.token-malformed`
 */
export function attestedKeyForRelease(claims: EarClaims, expected: TokenExpectation): TeeKey {
  requireCurrent(claims, expected.now);
  const { cai } = claims;
  const wanted = cai?.use === "as" ? expected.attestationService : new Map([[expected.policyId, expected.policyHash]]);
  if (cai === undefined || wanted === undefined) {
    throw refused("kbs.token-use", "the token is not for the key broker", "kbs", cai?.use ?? "none");
  }
  if (cai.tid !== expected.tid) throw refused("kbs.token-issuer", "another trustee minted the token", expected.tid, cai.tid);
  if (cai.world !== expected.world) {
    throw refused("kbs.token-issuer", "the token belongs to the other world", expected.world, cai.world);
  }
  const primary = claims.submods[PRIMARY_SUBMODULE];
  if (!primary) throw malformedToken(`no submodule ${PRIMARY_SUBMODULE}`);
  const policyId = primary["ear.appraisal-policy-id"];
  const policyHash = wanted.get(policyId);
  if (policyHash === undefined) {
    throw refused("kbs.token-policy", "the token was appraised under another policy", [...wanted.keys()].join(", "), policyId);
  }
  if (cai.policy_hash !== policyHash) {
    throw refused("kbs.token-policy", "the policy was changed after the token was minted", policyHash, cai.policy_hash);
  }
  const fresh = cai.use === "as" ? "challenge" : "nonce";
  if (cai.fresh !== fresh) throw refused("kbs.token-not-fresh", `the token's evidence is bound to no ${fresh}`, fresh, cai.fresh);
  const runtimeData = primary["ear.veraison.annotated-evidence"]["runtime_data_claims"];
  if (cai.use === "as") return serviceKey(claims.submods);
  // Switching a version off ends what was minted under it, too.
  const version = expected.versions.find((name) => name === cai.protocol);
  if (version === undefined)
    throw refused("kbs.version-unsupported", "the token is of another version", expected.versions.join(", "), cai.protocol);
  return parseRcarRuntimeData(runtimeData, version).teeKey;
}

/**
 * The key in a token of the attestation service, which appraises whatever pieces of evidence a caller puts together: here they must be of one
 * run, as the key broker's own are, so that no second machine and no other machine's device stands beside the key (security.md I1, I7).
 */
function serviceKey(submods: EarClaims["submods"]): TeeKey {
  const bound = ({ "ear.veraison.annotated-evidence": evidence }: EarSubmodule) => parseServiceRuntimeData(evidence["runtime_data_claims"]);
  const { challenge, teeKey } = bound(submods[PRIMARY_SUBMODULE]!);
  for (const [name, submodule] of Object.entries(submods)) {
    if (name === PRIMARY_SUBMODULE) continue;
    if (name.startsWith("cpu")) {
      throw new CaiError("kbs.evidence-class", "the token is about a second CPU platform", { expected: "devices beside cpu0", got: name });
    }
    const device = bound(submodule);
    if (device.challenge !== challenge || !isDeepStrictEqual(device.teeKey, teeKey)) {
      throw new CaiError("kbs.evidence-purpose", "a device in the token is bound to another run", { got: name });
    }
  }
  return teeKey;
}

const CLOCK_LEEWAY = 60;

function requireCurrent({ iat, exp }: EarClaims, now: number): void {
  if (now >= exp) throw refused("kbs.token-expired", "the token has expired", `before ${exp}`, String(now));
  if (iat > now + CLOCK_LEEWAY) throw refused("kbs.token-expired", "the token is not yet valid", `from ${iat}`, String(now));
}

/** Where tokens of the families carry the guest's key, in the order that a key broker looks (trustee.md §5.5). */
const TEE_KEY_PLACES: readonly (readonly string[])[] = [
  ["tdx", "attester_runtime_data", "tee-pubkey"],
  ["tdx", "attester_user_data", "tee-pubkey"],
  ["customized_claims", "runtime_data", "tee-pubkey"],
  ["submods", PRIMARY_SUBMODULE, "ear.veraison.annotated-evidence", "runtime_data_claims", "tee-pubkey"],
  ["tee-pubkey"],
];

/** @returns the guest's key as a token of any family carries it, not checked; undefined where it carries none */
export function teeKeyInToken(claims: JsonObject): JsonValue | undefined {
  for (const place of TEE_KEY_PLACES) {
    const found = place.reduce<JsonValue | undefined>(memberOf, claims);
    if (found !== undefined) return found;
  }
  return undefined;
}

/**
 * Reads a token's claims without verifying it: for a guest, who believes the pinned trustee and not the token's signer.
 *
 * @throws CaiError `kbs.token-malformed`
 */
export function readUnverifiedClaims(token: string): JsonObject {
  try {
    // The text goes into a header as it is, so a character that would end the header must not be in it.
    if (/^[\w-]+\.[\w-]+\.[\w-]*$/.test(token)) return decodeJwt<JsonObject>(token) as JsonObject;
  } catch {
    // falls through to the same error as another form
  }
  throw new CaiError("kbs.token-malformed", "a token is not a JWT", { expected: "three base64url parts, claims in the second" });
}

function memberOf(value: JsonValue | undefined, name: string): JsonValue | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  return Object.hasOwn(value, name) ? (value as JsonObject)[name] : undefined;
}

function malformedToken(got: string): CaiError {
  return new CaiError("kbs.token-malformed", `the token is not of the expected form: ${got}`, { got });
}

function refused(
  id: "kbs.token-expired" | "kbs.token-use" | "kbs.token-issuer" | "kbs.token-policy" | "kbs.token-not-fresh" | "kbs.version-unsupported",
  message: string,
  expected: string,
  got: string,
): CaiError {
  return new CaiError(id, message, { expected, got });
}
