import { readAttestationService } from "./as-configuration.ts";
import type { Installation, KeyValueSource } from "./installation.ts";
import { Notes } from "./notes.ts";
import { oldProviders, oldRoles } from "./old-roles.ts";
import type { OldSettings } from "./settings-file.ts";
import type { SourcePlace } from "./source-file.ts";

/** Where the family of openanolis keeps its files unless told otherwise (trustee.md §3.2, §9.2). */
const DEFAULT_REPOSITORY = "/opt/confidential-containers/kbs/repository";
const DEFAULT_ENVELOPE_KEYS = "/opt/confidential-containers/kbs/resource-keys";

/**
 * Reads the configuration of a key broker of either family (trustee.md §9.2) into what it says of an installation.
 *
 * Everything that would open this trustee as it opened the old one is left out, and said (security.md I26).
 */
export function readKeyBroker(settings: OldSettings, place: SourcePlace, into: Installation): void {
  const notes = new Notes(settings.path, into);
  readServer(settings.at("http_server"), place, notes);
  readTokens(settings.at("attestation_token"), notes);
  readAdmin(settings.at("admin"), place, notes);
  const service = settings.at("attestation_service");
  if (service.at("type").text?.toLowerCase().includes("builtin")) readAttestationService(service, place, into);
  else if (service.given) {
    notes.leftOut("attestation_service", "this trustee verifies evidence itself; its policies and values come with --as-config");
  }
  const policy = settings.at("policy_engine", "policy_path").text;
  if (policy !== undefined) notes.take(into.resourcePolicies, "policy_engine.policy_path", place, policy);
  const storage = keyValueStorage(settings.at("storage_backend"), place, notes);
  for (const plugin of settings.at("plugins").items) readPlugin(plugin, storage, place, notes);
  notes.sampleEvidence(settings);
}

function readServer(server: OldSettings, place: SourcePlace, notes: Notes): void {
  for (const socket of server.at("sockets").texts) notes.into.serveFlags.push(`--listen ${socket}`);
  if (server.at("insecure_http").isTrue) {
    notes.leftOut(
      "http_server.insecure_http",
      "plain HTTP is for loopback; elsewhere give a certificate, or --insecure-http behind something that has one",
    );
  }
  for (const [key, flag] of [
    ["certificate", "--tls-cert"],
    ["private_key", "--tls-key"],
  ] as const) {
    const path = server.at(key).text;
    if (path !== undefined) notes.into.serveFlags.push(`${flag} ${placeOrName(place, path)}`);
  }
}

function readTokens(tokens: OldSettings, notes: Notes): void {
  for (const key of ["insecure_key", "insecure_header_jwk"]) {
    if (tokens.at(key).isTrue) {
      notes.insecure(
        `attestation_token.${key}`,
        "whoever signs a token with a key of its own would be believed; this trustee believes the tokens that it made",
      );
    }
  }
  for (const key of ["trusted_certs_paths", "trusted_jwk_sets"]) {
    if (tokens.at(key).items.length > 0) {
      notes.leftOut(`attestation_token.${key}`, "tokens of another attestation service open nothing here: this trustee makes its own");
    }
  }
}

function readAdmin(admin: OldSettings, place: SourcePlace, notes: Notes): void {
  if (admin.at("insecure_api").isTrue)
    notes.insecure("admin.insecure_api", "everybody would be an administrator; every write needs a signed token");
  if (admin.at("authorization_mode").text === "InsecureAllowAll") {
    notes.insecure("admin.authorization_mode", "everybody would be an administrator; every write needs a signed token");
  }
  const key = admin.at("auth_public_key").text;
  if (key !== undefined) notes.take(notes.into.administrators, "admin.auth_public_key", place, key);
  notes.into.roles.push(...oldRoles(admin));
  notes.into.providers.push(...oldProviders(admin).map((provider) => ({ provider, from: admin.path, place })));
}

function readPlugin(plugin: OldSettings, storage: KeyValueSource | undefined, place: SourcePlace, notes: Notes): void {
  const name = plugin.at("name").text ?? "without a name";
  const setting = `plugins ${JSON.stringify(name)}`;
  if (name !== "resource") {
    if (name === "sample") notes.insecure(setting, "a plugin that answers everybody the same");
    else notes.leftOut(setting, "this trustee has no such plugin");
    return;
  }
  const type = plugin.at("type").text ?? plugin.at("storage_backend_type").text ?? "LocalFs";
  const folder = plugin.at("dir_path").text;
  if (type === "LocalFs" || type === "EncryptedLocalFs") {
    const taken = notes.placeOf(`${setting} dir_path`, place, folder ?? DEFAULT_REPOSITORY);
    if (taken !== undefined) notes.into.resources.push({ layout: "tree", folder: taken });
    if (type === "EncryptedLocalFs") readEnvelopeKeys(plugin, setting, place, notes);
  } else if (type === "KvStorage" && storage !== undefined) {
    notes.into.resources.push({ layout: "key-value", storage });
  } else {
    const why =
      type === "EncryptedDb"
        ? "its database is read by the old trustee only: fetch the secrets there"
        : "the secrets are in another service: fetch them there";
    notes.leftOut(`${setting} of type ${type}`, `${why}, and store each with \`cai resource set\``);
  }
}

/** Keys of encrypted resources, the managed ones first (trustee.md §3.3). */
function readEnvelopeKeys(plugin: OldSettings, setting: string, place: SourcePlace, notes: Notes): void {
  const own = [plugin.at("private_key_path"), plugin.at("private_key_dir"), plugin.at("private_key_paths")].flatMap(({ texts }) => texts);
  const managed = plugin.at("key_dir").text ?? (own.length === 0 ? DEFAULT_ENVELOPE_KEYS : undefined);
  for (const path of [...(managed === undefined ? [] : [managed]), ...own]) {
    notes.take(notes.into.envelopeKeys, `${setting} keys`, place, path);
  }
}

function keyValueStorage(backend: OldSettings, place: SourcePlace, notes: Notes): KeyValueSource | undefined {
  const type = backend.at("storage_type").text;
  if (type === undefined) return undefined;
  const [form, path] =
    type === "LocalFs"
      ? (["files", backend.at("backends", "local_fs", "dir_path").text] as const)
      : (["json", type === "LocalJson" ? backend.at("backends", "local_json", "file_dir_path").text : undefined] as const);
  const folder = path === undefined ? undefined : notes.placeOf("storage_backend", place, path);
  if (folder !== undefined) return { form, folder };
  if (path === undefined)
    notes.leftOut(`storage_backend of type ${type}`, "name the folder of a LocalFs or LocalJson storage with --storage");
  return undefined;
}

function placeOrName(place: SourcePlace, path: string): string {
  try {
    return place.resolve(path);
  } catch {
    return path;
  }
}
