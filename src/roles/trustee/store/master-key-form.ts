import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { CaiError, writeWholeFile } from "../../../system/index.ts";
import {
  createMasterKey,
  deriveStoreKeys,
  dropNextKey,
  masterKeyPath,
  nextKeyPath,
  readMasterKey,
  readMasterKeyCredential,
  readSecretFile,
  type StoreKeys,
  syncFolder,
  takeNextKey,
} from "./master-key.ts";
import { keyOfPassphrase, newPassphraseKey, type ScryptParameters, scryptParametersSchema } from "./passphrase.ts";

/** The systemd credential that is taken as the master key where nothing else is said. */
const DEFAULT_CREDENTIAL = "cai-master-key";
const CREDENTIAL_NAME = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;

/** Where a passphrase comes from: never from an argument or a variable, which other processes can see (security.md I27). */
export type PassphraseSource =
  | { readonly from: "terminal" }
  | { readonly from: "file"; readonly path: string }
  | { readonly from: "credential"; readonly name: string };

/** Where a store's master key is (security.md §5). */
export type MasterKeyForm =
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "credential"; readonly name: string }
  | { readonly kind: "passphrase"; readonly source: PassphraseSource; readonly parameters: string };

/** What of the process a master key may come from. */
export interface KeySurroundings {
  /** `$CREDENTIALS_DIRECTORY` of systemd, where there is one */
  readonly credentials?: string;
  /** asks on the terminal; twice where it is a `new` one. Absent where there is no terminal */
  readonly ask?: (what: { readonly new: boolean }) => Promise<Buffer>;
}

/**
 * Reads the setting `--master-key`: `file:PATH`, `credential:NAME`, `passphrase`, `passphrase:FILE` or `passphrase:credential:NAME`. Without
 * it: the credential `cai-master-key` where systemd gives one, else a passphrase where its parameters lie beside the data and no key file does,
 * else the file beside the data.
 *
 * @throws CaiError `cli.setting-invalid`
 */
export function parseMasterKeyForm(setting: string | undefined, dataDir: string, { credentials }: KeySurroundings): MasterKeyForm {
  const parameters = passphraseParametersPath(dataDir);
  if (setting === undefined) {
    if (credentials !== undefined && existsSync(join(credentials, DEFAULT_CREDENTIAL)))
      return { kind: "credential", name: DEFAULT_CREDENTIAL };
    const path = masterKeyPath(dataDir);
    if (existsSync(parameters) && !existsSync(path)) return { kind: "passphrase", source: { from: "terminal" }, parameters };
    return { kind: "file", path };
  }
  const [, kind, rest] = /^(file|credential|passphrase)(?::(.+))?$/s.exec(setting) ?? [];
  if (kind === "file" && rest !== undefined) return { kind, path: resolve(rest) };
  if (kind === "credential" && rest !== undefined && CREDENTIAL_NAME.test(rest)) return { kind, name: rest };
  if (kind === "passphrase") return { kind, source: passphraseSource(rest), parameters };
  // Whoever mistakes the setting may have given the key itself, so it is not said again.
  throw new CaiError("cli.setting-invalid", "--master-key has another form", {
    expected: "file:PATH, credential:NAME, passphrase, passphrase:FILE or passphrase:credential:NAME",
  });
}

/** Reads what follows `passphrase:`. @throws CaiError `cli.setting-invalid` */
function passphraseSource(text: string | undefined): PassphraseSource {
  if (text === undefined) return { from: "terminal" };
  if (!text.startsWith("credential:")) return { from: "file", path: resolve(text) };
  const name = text.slice("credential:".length);
  if (CREDENTIAL_NAME.test(name)) return { from: "credential", name };
  throw new CaiError("cli.setting-invalid", "the name of the credential cannot be used", { expected: "letters, digits, `_`, `-`, `.`" });
}

/** @returns where the parameters of a passphrase lie: beside the data, as the master key's file does */
function passphraseParametersPath(dataDir: string): string {
  return `${resolve(dataDir)}.scrypt`;
}

/** @returns where the key is, for people */
export function describeMasterKey(form: MasterKeyForm): string {
  if (form.kind === "file") return form.path;
  if (form.kind === "credential") return `the systemd credential ${form.name}`;
  return `a passphrase, with the parameters in ${form.parameters}`;
}

/**
 * Makes the key of a new store, or opens the one that is there: an interrupted `init` is finished with it.
 *
 * @throws CaiError `store.master-key-…`, `store.passphrase-…`
 */
export async function makeMasterKey(form: MasterKeyForm, surroundings: KeySurroundings): Promise<StoreKeys> {
  if (form.kind === "file") return createMasterKey(form.path);
  if (form.kind === "credential") return readMasterKeyCredential(credentialPath(form.name, surroundings));
  if (existsSync(form.parameters)) return passphraseKeys(form.source, passphraseParameters(form.parameters), surroundings);
  return newPassphrase(form.source, form.parameters, surroundings);
}

/** Keys that a store may be sealed with. */
export interface KeyCandidate {
  readonly keys: StoreKeys;
  /** a `rekey` made it and did not put it in force: where it is the right one, {@link settleMasterKey} does */
  readonly waits: boolean;
}

/**
 * Opens the master key of a store.
 *
 * @returns the keys that the store may be sealed with, the likelier first: two while a `rekey` was interrupted
 * @throws CaiError `store.master-key-missing`, `store.master-key-exposed`, `store.master-key-invalid`, `store.master-key-wrong`,
 *   `store.passphrase-missing`
 */
export async function openMasterKeys(form: MasterKeyForm, surroundings: KeySurroundings): Promise<KeyCandidate[]> {
  const inForce = (keys: StoreKeys): KeyCandidate => ({ keys, waits: false });
  switch (form.kind) {
    case "file":
      return [inForce(readMasterKey(form.path)), ...keyInWaiting(form.path)];
    case "credential":
      return [inForce(readMasterKeyCredential(credentialPath(form.name, surroundings)))];
    case "passphrase": {
      const passphrase = await readPassphrase(form.source, surroundings);
      if (!existsSync(nextKeyPath(form.parameters)))
        return [inForce(deriveStoreKeys(await keyOfPassphrase(passphrase, passphraseParameters(form.parameters))))];
      return passphraseCandidates(passphrase, form.parameters);
    }
  }
}

/** The key that a `rekey` made and did not put in force. One that it did not even write to the end seals nothing. */
function keyInWaiting(path: string): KeyCandidate[] {
  if (!existsSync(nextKeyPath(path))) return [];
  try {
    return [{ keys: readMasterKey(nextKeyPath(path)), waits: true }];
  } catch {
    return [];
  }
}

/** Puts the key that waits in force, once the store is sealed with it. */
export function settleMasterKey(form: MasterKeyForm): void {
  if (form.kind === "file") takeNextKey(form.path);
  if (form.kind === "passphrase") takeNextKey(form.parameters);
}

/** Keys of a passphrase under whichever parameters it fits: one of the two after an interrupted `rekey`. */
async function passphraseCandidates(passphrase: Buffer, parameters: string): Promise<KeyCandidate[]> {
  const found: KeyCandidate[] = [];
  let wrong: unknown;
  for (const waits of [false, true]) {
    const place = waits ? nextKeyPath(parameters) : parameters;
    try {
      found.push({ keys: deriveStoreKeys(await keyOfPassphrase(Buffer.from(passphrase), passphraseParameters(place))), waits });
    } catch (error) {
      wrong ??= error;
    }
  }
  passphrase.fill(0);
  if (found.length === 0) throw wrong;
  return found;
}

/**
 * Makes the key that a store is to be sealed with next. In the place of the one that it is sealed with, it waits beside that one; elsewhere it
 * is put where it belongs at once, and a key that is there already is taken.
 *
 * @param used  the form that the store is sealed with now
 * @returns its keys, and whether it waits for {@link settleMasterKey}
 */
export async function makeNextKey(
  form: MasterKeyForm,
  used: MasterKeyForm,
  surroundings: KeySurroundings,
): Promise<{ keys: StoreKeys; waits: boolean }> {
  switch (form.kind) {
    case "credential":
      return { keys: readMasterKeyCredential(credentialPath(form.name, surroundings)), waits: false };
    case "passphrase": {
      const waits = used.kind === "passphrase";
      return { keys: await newPassphrase(form.source, waits ? nextKeyPath(form.parameters) : form.parameters, surroundings), waits };
    }
    case "file": {
      const waits = used.kind === "file" && used.path === form.path;
      return { keys: createMasterKey(waits ? nextKeyPath(form.path) : form.path), waits };
    }
  }
}

/** Removes what an interrupted `rekey` left behind; the store was just opened with the key that it follows. */
export function discardNextKey(form: MasterKeyForm): void {
  if (form.kind === "file") dropNextKey(form.path);
  if (form.kind === "passphrase") dropNextKey(form.parameters);
}

/** @returns the parameters of a passphrase. @throws CaiError `store.master-key-missing`, `store.master-key-invalid` */
export function passphraseParameters(path: string): ScryptParameters {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    throw new CaiError("store.master-key-missing", `the parameters of the passphrase, ${path}, cannot be read`, { cause });
  }
  try {
    return scryptParametersSchema.parse(JSON.parse(text));
  } catch {
    throw new CaiError("store.master-key-invalid", `${path} holds no parameters of a passphrase`);
  }
}

/**
 * Reads a passphrase.
 *
 * @returns its bytes, which the caller overwrites
 * @throws CaiError `store.passphrase-missing` where there is no terminal to ask at; `store.master-key-…` of a file
 */
async function readPassphrase(source: PassphraseSource, surroundings: KeySurroundings, fresh = false): Promise<Buffer> {
  switch (source.from) {
    case "file":
      return readSecretFile(source.path, "the passphrase", "own");
    case "credential":
      return readSecretFile(credentialPath(source.name, surroundings), "the passphrase", "credential");
    case "terminal":
      if (surroundings.ask !== undefined) return surroundings.ask({ new: fresh });
      throw new CaiError("store.passphrase-missing", "the store wants a passphrase, and there is no terminal to ask at", {
        hint: "Name a file of mode 0600 or a credential: --master-key passphrase:FILE or passphrase:credential:NAME",
      });
  }
}

async function newPassphrase(source: PassphraseSource, place: string, surroundings: KeySurroundings): Promise<StoreKeys> {
  const { key, parameters } = await newPassphraseKey(await readPassphrase(source, surroundings, true));
  writeWholeFile(place, `${JSON.stringify(parameters)}\n`, { mode: 0o600 });
  syncFolder(place);
  return deriveStoreKeys(key);
}

async function passphraseKeys(source: PassphraseSource, parameters: ScryptParameters, surroundings: KeySurroundings): Promise<StoreKeys> {
  return deriveStoreKeys(await keyOfPassphrase(await readPassphrase(source, surroundings), parameters));
}

function credentialPath(name: string, { credentials }: KeySurroundings): string {
  if (credentials !== undefined) return join(credentials, name);
  throw new CaiError("store.master-key-missing", `there is no systemd credential ${name}: CREDENTIALS_DIRECTORY is not set`, {
    hint: "Put LoadCredential= or LoadCredentialEncrypted= into the unit.",
  });
}
