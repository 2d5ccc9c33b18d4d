import type { Installation } from "./installation.ts";
import { Notes } from "./notes.ts";
import type { OldSettings } from "./settings-file.ts";
import type { SourcePlace } from "./source-file.ts";

/** Where the family of openanolis keeps its files unless told otherwise (trustee.md §7.2, §9.3). */
const WORK = "/opt/confidential-containers/attestation-service";
const DEFAULT_VALUES = `${WORK}/reference_values.json`;

/** Reads the configuration of an attestation service of either family (trustee.md §9.3): policies and reference values. */
export function readAttestationService(settings: OldSettings, place: SourcePlace, into: Installation): void {
  const notes = new Notes(settings.path, into);
  const broker = settings.at("attestation_token_broker");
  const type = (broker.at("type").text ?? "ear").toLowerCase();
  const policies = broker.at("policy_dir").text ?? `${WORK}/token/${type}/policies`;
  if (!/^[a-z]+$/.test(type)) notes.leftOut("attestation_token_broker.type", "there is no such kind of token");
  else if (!settings.at("storage_backend").given)
    notes.take(into.attestationPolicies, "attestation_token_broker.policy_dir", place, policies);
  if (broker.at("signer").given) {
    // Neither to sign with nor to verify with: a token opens something only where this store made it (security.md I19), and a key of the old
    // service in our list of keys would make relying parties take its tokens for ours.
    notes.leftOut(
      "attestation_token_broker.signer",
      "this trustee signs with keys of its own: give relying parties its certificate authority instead",
    );
  }
  if (settings.at("challenge_key_path").given) notes.leftOut("challenge_key_path", "this trustee has a key of its own for challenges");
  readReferenceService(settings.at("rvps_config"), place, into);
  notes.sampleEvidence(settings);
}

/** Reads the configuration of a reference value service (trustee.md §9.4), which may also stand inside that of an attestation service. */
export function readReferenceService(settings: OldSettings, place: SourcePlace, into: Installation): void {
  if (!settings.given) return;
  const notes = new Notes(settings.path, into);
  const address = settings.at("address").text;
  if (address !== undefined) {
    notes.leftOut("rvps_config.address", "the reference values are in another service: name its configuration with --rvps-config");
    return;
  }
  const storage = settings.at("storage");
  const kind = storage.at("type").text;
  if (kind === "LocalJson") notes.take(into.references, "rvps storage", place, storage.at("file_path").text ?? DEFAULT_VALUES);
  else if (kind === "LocalFs") {
    notes.leftOut(
      "rvps storage of type LocalFs",
      "only the old service reads its database: save what its rvps/query answers, and name that file with --reference-values",
    );
  }
}
