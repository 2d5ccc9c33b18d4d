import { z } from "zod";
import { parseJsonText } from "./json-text.ts";
import { MESSAGE_LIMITS, type RcarAttestation } from "./messages.ts";
import { jsonValue, parseWith } from "./schema.ts";
import { parseTeeKey } from "./tee-key.ts";
import { isComposite, type OlderVersion } from "./versions.ts";

const single = z.object({ "tee-pubkey": jsonValue, "tee-evidence": jsonValue });
const composite = z.object({
  "tee-pubkey": jsonValue,
  "tee-evidence": z.object({ primary_evidence: jsonValue, additional_evidence: z.string() }),
});

/**
 * Parses POST attest of a version before 0.4.0: the key stands at the top, there are no init data, and the nonce is the session's
 * (trustee.md §1.4; agent.md §3.8).
 *
 * @param nonce  that of the session's challenge
 * @throws CaiError `kbs.message-malformed`, `kbs.tee-key-invalid`
 */
export function parseOlderAttestation(bytes: Uint8Array, version: OlderVersion, nonce: string): RcarAttestation {
  const what = `attest request of ${version}`;
  const value = parseJsonText(bytes, what, MESSAGE_LIMITS.attestation);
  if (!isComposite(version)) {
    const { "tee-pubkey": key, "tee-evidence": primaryEvidence } = parseWith(single, value, what);
    return { nonce, teeKey: parseTeeKey(key, version), primaryEvidence, additionalEvidence: "" };
  }
  const { "tee-pubkey": key, "tee-evidence": evidence } = parseWith(composite, value, what);
  return {
    nonce,
    teeKey: parseTeeKey(key, version),
    primaryEvidence: evidence.primary_evidence,
    additionalEvidence: evidence.additional_evidence,
  };
}
