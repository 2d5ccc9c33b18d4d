import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { CaiError } from "../../../system/index.ts";
import { readAttestationService, readReferenceService } from "./as-configuration.ts";
import { emptyInstallation, type Installation, type KeyValueSource } from "./installation.ts";
import { readKeyBroker } from "./kbs-configuration.ts";
import { type OldSettings, readOldSettings } from "./settings-file.ts";
import { SourcePlace } from "./source-file.ts";

/** The parts of an old trustee, as the one who imports them names them. */
export interface OldTrustee {
  /** the key broker's configuration */
  readonly configuration?: string | undefined;
  /** the attestation service's */
  readonly asConfiguration?: string | undefined;
  /** the reference value service's */
  readonly rvpsConfiguration?: string | undefined;
  /** the folder that stands for `/` in them */
  readonly root?: string | undefined;
  /** a tree of repositories, types and tags */
  readonly resources?: string | undefined;
  /** a key-value storage of the Confidential Containers family */
  readonly storage?: string | undefined;
  readonly resourcePolicy?: string | undefined;
  /** a folder */
  readonly attestationPolicies?: string | undefined;
  readonly referenceValues?: string | undefined;
  readonly adminPublicKey?: string | undefined;
  /** PEM files and folders of them */
  readonly envelopeKeys: readonly string[];
}

/**
 * Finds out what an old trustee consists of. What is named by hand comes instead of what the configurations say of the same thing.
 *
 * @throws CaiError `trustee.import-unreadable` for a configuration that cannot be read, or a part that is named and is not there
 */
export function readOldTrustee(old: OldTrustee): Installation {
  const found = emptyInstallation();
  read(old.configuration, old.root, (settings, place) => readKeyBroker(settings, place, found));
  read(old.asConfiguration, old.root, (settings, place) => readAttestationService(settings, place, found));
  read(old.rvpsConfiguration, old.root, (settings, place) => readReferenceService(asReferenceConfiguration(settings), place, found));
  const named = (path: string | undefined) => (path === undefined ? undefined : [there(path)]);
  const sources = [
    ...(named(old.resources) ?? []).map((folder) => ({ layout: "tree", folder }) as const),
    ...(named(old.storage) ?? []).map((folder) => ({ layout: "key-value", storage: storageIn(folder) }) as const),
  ];
  return {
    ...found,
    resources: sources.length > 0 ? sources : found.resources,
    resourcePolicies: named(old.resourcePolicy) ?? found.resourcePolicies,
    attestationPolicies: named(old.attestationPolicies) ?? found.attestationPolicies,
    references: named(old.referenceValues) ?? found.references,
    administrators: named(old.adminPublicKey) ?? found.administrators,
    envelopeKeys: old.envelopeKeys.length > 0 ? old.envelopeKeys.map(there) : found.envelopeKeys,
  };
}

function read(path: string | undefined, root: string | undefined, into: (settings: OldSettings, place: SourcePlace) => void): void {
  if (path !== undefined) into(readOldSettings(path), new SourcePlace(root, dirname(path)));
}

/** A service of its own has at the top what an attestation service has below `rvps_config`. */
function asReferenceConfiguration(settings: OldSettings): OldSettings {
  return settings.at("rvps_config").given ? settings.at("rvps_config") : settings;
}

function storageIn(folder: string): KeyValueSource {
  return { form: existsSync(join(folder, "repository.json")) ? "json" : "files", folder };
}

function there(path: string): string {
  if (existsSync(path)) return path;
  throw new CaiError("trustee.import-unreadable", `${path} is not taken: ENOENT`, { got: "ENOENT" });
}
