import { createHash } from "node:crypto";
import { z } from "zod";
import { jcs } from "../crypto/index.ts";
import { CaiError, type JsonObject, type JsonValue } from "../system/index.ts";
import { jsonValue, tid } from "./schema.ts";
import { parseTeeKey, type TeeKey, teeKeyJson } from "./tee-key.ts";
import { isComposite, PROTOCOL_VERSION, type ProtocolVersion } from "./versions.ts";

/** The hash algorithms that runtime data is hashed with here, by their names in the protocol (trustee.md §1.5). */
export const HASH_ALGORITHMS = ["sha256", "sha384", "sha512"] as const;
export type HashAlgorithm = (typeof HASH_ALGORITHMS)[number];
/** What both ends take where no algorithm is named. */
export const DEFAULT_HASH: HashAlgorithm = "sha384";

/** What evidence is made for: each use has hashed data of exactly its own member set (security.md §3.2). */
export type EvidencePurpose = "rcar" | "rcar-device" | "service-release" | "rats-tls" | "ohttp-key" | "ohttp-client";

const MEMBER_SETS: Readonly<Record<EvidencePurpose, { readonly required: readonly string[]; readonly optional: readonly string[] }>> = {
  rcar: { required: ["additional-evidence", "nonce", "tee-pubkey"], optional: ["cai"] },
  "rcar-device": { required: ["nonce", "tee-pubkey"], optional: [] },
  // Only where a realm takes tokens of the attestation service for its resources (security.md §6).
  "service-release": { required: ["challenge_token", "tee-pubkey"], optional: ["nonce"] },
  "rats-tls": { required: ["pubkey-hash"], optional: ["challenge_token"] },
  "ohttp-key": { required: ["hpke_key_config"], optional: ["challenge_token"] },
  "ohttp-client": { required: ["pk_s"], optional: ["challenge_token"] },
};

/** @returns the one purpose whose member set the data has exactly, or undefined for free data, which opens nothing */
export function purposeOf(runtimeData: JsonValue): EvidencePurpose | undefined {
  if (!isObject(runtimeData)) return undefined;
  const names = Object.keys(runtimeData);
  for (const purpose of Object.keys(MEMBER_SETS) as EvidencePurpose[]) {
    const { required, optional } = MEMBER_SETS[purpose];
    const complete = required.every((name) => Object.hasOwn(runtimeData, name));
    if (complete && names.every((name) => required.includes(name) || optional.includes(name))) return purpose;
  }
  return undefined;
}

/** What the primary evidence of an RCAR run is bound to. */
export interface RcarBinding {
  /** the challenge's nonce, hashed as the text that it came as */
  readonly nonce: string;
  readonly teeKey: TeeKey;
  /** the text of `additional_evidence` exactly as sent; empty where there are no devices */
  readonly additionalEvidence: string;
  /** the trustee that the evidence is for, where tagged binding was negotiated (security.md §3.3) */
  readonly tid?: string;
}

/** @returns the data whose hash is the report data of the primary evidence (trustee.md §1.7; agent.md §3.4) */
export function rcarRuntimeData({ nonce, teeKey, additionalEvidence, tid }: RcarBinding): JsonObject {
  return {
    "additional-evidence": additionalEvidence,
    nonce,
    "tee-pubkey": teeKeyJson(teeKey),
    ...(tid !== undefined && { cai: { purpose: "rcar", tid } }),
  };
}

/**
 * @returns the data whose hash the report data of a device is, and that of the primary evidence in versions before 0.3.0 (trustee.md §1.7;
 *   agent.md §3.8)
 */
export function deviceRuntimeData({ nonce, teeKey }: Pick<RcarBinding, "nonce" | "teeKey">): JsonObject {
  return { nonce, "tee-pubkey": teeKeyJson(teeKey) };
}

/** The `cai` member of hashed data: this evidence is for RCAR at one trustee (security.md §3.3). */
export const caiBinding = z.strictObject({ purpose: z.literal("rcar"), tid });

const rcarMembers = z.strictObject({
  "additional-evidence": z.string(),
  nonce: z.string().min(1),
  "tee-pubkey": jsonValue,
  cai: caiBinding.optional(),
});
const deviceMembers = z.strictObject({ nonce: z.string().min(1), "tee-pubkey": jsonValue });

/**
 * Reads runtime data that must be an RCAR run's: a token's `runtime_data_claims`, for instance. A superset is not enough.
 *
 * @param version  the version of the protocol that the run was of; those before 0.3.0 hash fewer members
 * @throws CaiError `kbs.evidence-purpose` for any other member set, `kbs.tee-key-invalid`
 */
export function parseRcarRuntimeData(value: JsonValue | undefined, version: ProtocolVersion = PROTOCOL_VERSION): RcarBinding {
  if (!isComposite(version)) {
    const members = deviceMembers.safeParse(value);
    if (!members.success) throw otherPurpose("nonce and tee-pubkey", value ?? null);
    return { nonce: members.data.nonce, teeKey: parseTeeKey(members.data["tee-pubkey"], version), additionalEvidence: "" };
  }
  const members = rcarMembers.safeParse(value);
  if (!members.success) throw otherPurpose("additional-evidence, nonce, tee-pubkey and, where negotiated, cai", value ?? null);
  const { "additional-evidence": additionalEvidence, nonce, "tee-pubkey": key, cai } = members.data;
  return { nonce, teeKey: parseTeeKey(key), additionalEvidence, ...(cai && { tid: cai.tid }) };
}

const serviceMembers = z.strictObject({ challenge_token: z.string().min(1), nonce: z.string().optional(), "tee-pubkey": jsonValue });

/**
 * Reads the runtime data of an attestation-service token that is to open resources: the service's challenge beside the guest's key.
 *
 * @throws CaiError `kbs.evidence-purpose` for any other member set, `kbs.tee-key-invalid`
 */
export function parseServiceRuntimeData(value: JsonValue | undefined): { readonly challenge: string; readonly teeKey: TeeKey } {
  const members = serviceMembers.safeParse(value);
  if (!members.success) throw otherPurpose("challenge_token, tee-pubkey and, where given, nonce", value ?? null);
  return { challenge: members.data.challenge_token, teeKey: parseTeeKey(members.data["tee-pubkey"]) };
}

/** @returns the error for hashed data that was made for another use */
export function otherPurpose(expected: string, runtimeData: JsonValue): CaiError {
  const got = purposeOf(runtimeData) ?? "another member set";
  return new CaiError("kbs.evidence-purpose", `the hashed data is not that of this use: expected ${expected}, got ${got}`, {
    expected,
    got,
  });
}

const REPORT_DATA_BYTES = 64;
/** Report data ends with this where the agent itself made it for RCAR: no interface lets another process write there (I5). */
const TAG_OFFSET = 48;
const RESERVED_PREFIX = new TextEncoder().encode("cai/v1/");
const RCAR_TAG = new TextEncoder().encode("cai/v1/rcar");

/**
 * Reads runtime data that a user has in a file.
 *
 * @param name  of the file, for the error
 * @throws CaiError `cli.input-unreadable` for anything but a JSON object
 */
export function readRuntimeData(text: string, name: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as JsonObject;
  throw new CaiError("cli.input-unreadable", `${name} holds no runtime data`, { expected: "a JSON object" });
}

/**
 * Computes the report data that evidence over this runtime data carries: the digest of its canonical JSON, zero-filled to 64 bytes.
 * Data with a `cai` member is tagged: SHA-384 digest (48) ‖ `cai/v1/rcar`, zero-filled (16) (security.md §3.3).
 *
 * @throws CaiError `kbs.hash-unsupported` where tagged data would be hashed with anything but SHA-384, `crypto.json-not-canonical`
 */
export function reportDataOf(runtimeData: JsonObject, hash: HashAlgorithm): Uint8Array<ArrayBuffer> {
  const reportData = new Uint8Array(REPORT_DATA_BYTES);
  reportData.set(runtimeDataDigest(runtimeData, hash));
  if (!Object.hasOwn(runtimeData, "cai")) return reportData;
  if (hash !== "sha384") throw new CaiError("kbs.hash-unsupported", "tagged report data is SHA-384", { expected: "sha384", got: hash });
  reportData.set(RCAR_TAG, TAG_OFFSET);
  return reportData;
}

/** @returns the digest of the canonical JSON; 32, 48 or 64 bytes */
export function runtimeDataDigest(runtimeData: JsonValue, hash: HashAlgorithm): Uint8Array {
  return createHash(hash).update(jcs(runtimeData)).digest();
}

/** @returns true where report data lies in the space that is the agent's own: an interface for others must refuse it (I5) */
export function isReservedReportData(reportData: Uint8Array): boolean {
  return RESERVED_PREFIX.every((byte, at) => reportData[TAG_OFFSET + at] === byte);
}

function isObject(value: JsonValue): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
