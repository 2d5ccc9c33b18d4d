import { z } from "zod";
import { decodeBase64Tolerant } from "../../../crypto/index.ts";
import {
  HASH_ALGORITHMS,
  type HashAlgorithm,
  type PeerFamily,
  parseJsonText,
  readInitData,
  runtimeDataDigest,
} from "../../../protocol/index.ts";
import { CaiError, type JsonObject, type JsonValue } from "../../../system/index.ts";
import { initDataClaims } from "../init-data-claims.ts";
import type { EvidenceToVerify } from "../verification.ts";
import { inField, reading } from "./problem.ts";

/** One request to verify, and what of it is looked at besides. */
export interface PieceOfEvidence extends EvidenceToVerify {
  /** structured runtime data, whose hash the evidence must carry; undefined where it is raw or absent */
  readonly structured?: JsonObject;
}

/** POST attestation (trustee.md §4.2). */
export interface AttestationRequest {
  readonly pieces: readonly [PieceOfEvidence, ...PieceOfEvidence[]];
  /** at least one */
  readonly policyIds: readonly [string, ...string[]];
}

/** Bytes of the largest body; evidence in it is base64 of JSON of base64. */
export const MAX_ATTESTATION = 4 * 1024 * 1024;
const MAX_PIECES = 8;
const MAX_POLICY_IDS = 8;
/** The longest report data of any platform, bytes. */
const MAX_REPORT_DATA = 64;
const MAX_DIGEST = 64;
/** What stands in for no policy ids (trustee.md §4.2). */
const DEFAULT_POLICY = "default";

const text = z.string();
const runtimeData = z.union([
  z.strictObject({ raw: text }),
  z.strictObject({ structured: z.custom<JsonValue>((value) => value !== undefined) }),
]);
const initData = z.union([z.strictObject({ init_data_digest: text }), z.strictObject({ init_data_toml: text.max(256 * 1024) })]);
const individual = z.object({
  tee: text.max(32),
  evidence: text,
  runtime_data: runtimeData.nullish(),
  runtime_data_hash_algorithm: text.max(16).nullish(),
  init_data: initData.nullish(),
});
const message = z.object({
  verification_requests: z.array(individual).min(1).max(MAX_PIECES),
  policy_ids: z.array(text.max(128)).max(MAX_POLICY_IDS),
});

/**
 * Reads the body of POST attestation. What is said of it in an error is the member, never a value.
 *
 * @throws CaiError `kbs.message-malformed`, `as.…`, `kbs.hash-unsupported`, `kbs.init-data-invalid`, `crypto.json-not-canonical`
 */
export function readAttestationRequest(body: Uint8Array, family: PeerFamily): AttestationRequest {
  const parsed = message.safeParse(parseJsonText(body, "attestation request", MAX_ATTESTATION));
  if (!parsed.success) throw malformed(parsed.error.issues[0]);
  const { verification_requests: requests, policy_ids: ids } = parsed.data;
  const pieces = requests.map((request, i) => readPiece(request, `verification_requests[${i}]`, family));
  const [first = DEFAULT_POLICY, ...more] = ids;
  return { pieces: pieces as [PieceOfEvidence, ...PieceOfEvidence[]], policyIds: [first, ...more] };
}

/** The whole is JSON, but not of the endpoint's form: said with the member, as arguments are. */
function malformed(issue: z.core.$ZodIssue | undefined): CaiError {
  const field = (issue?.path ?? []).map((part) => (typeof part === "number" ? `[${part}]` : `.${String(part)}`)).join("");
  return inField(new CaiError("kbs.message-malformed", "the attestation request is not of the known form"), field.slice(1) || "body");
}

function readPiece(request: z.output<typeof individual>, place: string, family: PeerFamily): PieceOfEvidence {
  const evidence = reading(`${place}.evidence`, () => readEvidence(request.evidence));
  const init = reading(`${place}.init_data`, () => readInit(request.init_data, family));
  const bound = reading(`${place}.runtime_data`, () => readRuntime(request.runtime_data, request.runtime_data_hash_algorithm, place));
  return { tee: request.tee, evidence, ...bound, ...init };
}

function readEvidence(encoded: string): JsonValue {
  const bytes = decoded(encoded);
  try {
    return parseJsonText(bytes, "evidence", MAX_ATTESTATION);
  } catch (cause) {
    throw new CaiError("as.evidence-not-json", "the evidence is not base64url of JSON", { cause });
  }
}

/** Raw data are the report data themselves, structured data are hashed (trustee.md §4.2). */
function readRuntime(
  data: z.output<typeof runtimeData> | null | undefined,
  algorithm: string | null | undefined,
  place: string,
): Pick<PieceOfEvidence, "reportData" | "runtimeDataClaims" | "structured"> {
  const hash = reading(`${place}.runtime_data_hash_algorithm`, () => readHash(algorithm));
  if (data === null || data === undefined) return { runtimeDataClaims: null };
  if ("raw" in data) {
    const reportData = decoded(data.raw);
    if (reportData.length >= 1 && reportData.length <= MAX_REPORT_DATA) return { reportData, runtimeDataClaims: null };
    const details = { expected: `1 to ${MAX_REPORT_DATA} bytes`, got: `${reportData.length} bytes` };
    throw new CaiError("as.report-data-length", "raw runtime data are no report data of any platform", details);
  }
  const { structured } = data;
  const reportData = runtimeDataDigest(structured, hash);
  return { reportData, runtimeDataClaims: structured, ...(isObject(structured) && { structured }) };
}

function readHash(name: string | null | undefined): HashAlgorithm {
  const wanted = (name || "sha384").toLowerCase();
  const hash = HASH_ALGORITHMS.find((known) => known === wanted);
  if (hash !== undefined) return hash;
  throw new CaiError("kbs.hash-unsupported", "runtime data cannot be hashed so", { expected: HASH_ALGORITHMS.join(", "), got: wanted });
}

function readInit(
  data: z.output<typeof initData> | null | undefined,
  family: PeerFamily,
): Pick<PieceOfEvidence, "initData" | "initDataClaims"> {
  if (data === null || data === undefined) return { initDataClaims: null };
  if ("init_data_toml" in data) {
    const { digest, claims } = readInitData(data.init_data_toml);
    return { initData: digest, initDataClaims: initDataClaims(claims, family) };
  }
  const digest = decoded(data.init_data_digest);
  if (digest.length >= 1 && digest.length <= MAX_DIGEST) return { initData: digest, initDataClaims: null };
  const details = { expected: `1 to ${MAX_DIGEST} bytes`, got: `${digest.length} bytes` };
  throw new CaiError("as.argument-invalid", "the digest of the init data is none of a known algorithm", details);
}

function decoded(encoded: string): Uint8Array {
  try {
    return decodeBase64Tolerant(encoded);
  } catch (cause) {
    throw new CaiError("as.encoding-invalid", "expected base64url", { cause });
  }
}

function isObject(value: JsonValue): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
