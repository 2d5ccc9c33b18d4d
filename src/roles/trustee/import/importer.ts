import { templates } from "../../../policy/index.ts";
import { CaiError, type JsonValue } from "../../../system/index.ts";
import { hasEveryRight, readAdministrator } from "../administrator.ts";
import { parseEnvelope } from "../plugins/envelope.ts";
import { MAX_POLICIES } from "../policy-documents.ts";
import { POLICY_IN_FORCE } from "../policy-ids.ts";
import { MAX_REFERENCES } from "../reference-routes.ts";
import { type PolicyKind, type ReferenceValue, ROOT_REALM, type Store } from "../store/index.ts";
import type { Installation } from "./installation.ts";
import { administratorIn, envelopeKeyFiles, envelopeKeyIn, type OldEnvelopeKey } from "./old-keys.ts";
import { attestationPoliciesIn, attestationPolicyOf, type OldPolicy, resourcePolicyIn, resourcePolicyOf } from "./old-policies.ts";
import { type OldReference, referencesIn, storedReferenceText } from "./old-references.ts";
import { namespaceValues, oldResources } from "./old-resources.ts";
import { readOldProvider, readOldRole } from "./old-roles.ts";
import { ImportReport, type Item, type ItemKind } from "./report.ts";

/** Secrets are written in batches that hold no more than this in memory. */
const BATCH = { entries: 64, bytes: 4 * 1024 * 1024 } as const;
const KEPT = "there is another one; --replace puts this one in its place";

export interface ImportOptions {
  /** says what would be done, and does nothing */
  readonly dryRun: boolean;
  /** puts what is imported in the place of what is there */
  readonly replace: boolean;
  /** seconds since 1970 */
  readonly now: number;
}

/**
 * Takes an old installation into a store. What is there already is left as it is, so it can be done again.
 *
 * @returns what became of each thing
 */
export async function importInstallation(store: Store, installation: Installation, options: ImportOptions): Promise<ImportReport> {
  const importer = new Importer(store, options);
  for (const item of installation.leftOut) importer.report.add(item);
  for (const path of installation.administrators) await importer.administrator(path);
  await importer.rolesAndProviders(installation);
  await importer.envelopeKeys(installation.envelopeKeys);
  await importer.policies(installation);
  await importer.references(installation);
  await importer.resources(installation);
  await importer.record();
  return importer.report;
}

class Importer {
  readonly report = new ImportReport();
  readonly #store: Store;
  readonly #options: ImportOptions;

  constructor(store: Store, options: ImportOptions) {
    this.#store = store;
    this.#options = options;
  }

  async administrator(path: string): Promise<void> {
    await this.#attempt({ kind: "administrator", name: path, from: path }, async () => {
      const { name, publicKey } = administratorIn(path);
      const rows = [...(await this.#store.rows("administrators")).values()].map(readAdministrator);
      const known = rows.some((row) => hasEveryRight(row) && row.public_key?.trim() === publicKey.trim());
      const item = { kind: "administrator", name, from: path } as const;
      if (known) return this.report.add({ ...item, outcome: "unchanged" });
      if (!this.#options.dryRun) await this.#store.change(["administrators"], () => ({ administrators: { put: [[name, publicKey]] } }));
      this.report.add({ ...item, outcome: "taken" });
    });
  }

  /** Roles first, then who may give them; a provider gives none that was not taken. */
  async rolesAndProviders({ roles, providers }: Installation): Promise<void> {
    const given: string[] = [];
    for (const role of roles) {
      await this.#attempt({ kind: "role", name: role.name, from: "admin.authorization" }, async () => {
        const content = readOldRole(role);
        if (content !== undefined) await this.#row("roles", { kind: "role", name: role.name, from: "admin.authorization" }, content);
        given.push(role.name);
      });
    }
    for (const { provider, from, place } of providers) {
      const item = { kind: "administrator", name: provider.name, from } as const;
      await this.#attempt(item, async () => {
        if (given.length === 0) return this.report.add({ ...item, outcome: "left out", why: "none of the roles that it gives was taken" });
        await this.#row("administrators", item, readOldProvider(provider, given, place));
      });
    }
  }

  async #row(table: "roles" | "administrators", item: Pick<Item, "kind" | "name" | "from">, content: object): Promise<void> {
    const text = JSON.stringify(content);
    const before = (await this.#store.rows(table)).get(item.name);
    if (before === text) return this.report.add({ ...item, outcome: "unchanged" });
    if (before !== undefined && !this.#options.replace) return this.report.add({ ...item, outcome: "kept", why: KEPT });
    if (!this.#options.dryRun) await this.#store.change([table], () => ({ [table]: { put: [[item.name, text]] } }));
    this.report.add({ ...item, outcome: "taken" });
  }

  async envelopeKeys(places: readonly string[]): Promise<void> {
    const files = places.flatMap(envelopeKeyFiles);
    // The key that was used first where the times are not known comes last, so that it has the highest name among them.
    for (const [i, path] of files.toReversed().entries()) {
      await this.#attempt({ kind: "envelope key", name: path, from: path }, async () => this.#envelopeKey(envelopeKeyIn(path), i));
    }
  }

  async #envelopeKey({ from, created, fingerprint, der }: OldEnvelopeKey, order: number): Promise<void> {
    const names = await this.#store.ownKeys.names();
    const item = { kind: "envelope key", name: fingerprint, from } as const;
    if (names.some((name) => name.startsWith("envelope/") && name.endsWith(`-${fingerprint}`))) {
      this.report.add({ ...item, outcome: "unchanged" });
    } else {
      // Generation 0: below every key that this trustee made itself, which is the one that it gives out (plugins/envelope-keys.ts).
      const name = `envelope/00000000-${String(created === 0 ? order : created).padStart(12, "0")}-${fingerprint}`;
      if (!this.#options.dryRun) await this.#store.ownKeys.put(name, der);
      this.report.add({ ...item, outcome: "taken" });
    }
    der.fill(0);
  }

  async policies({ resources, resourcePolicies, attestationPolicies }: Installation): Promise<void> {
    for (const path of resourcePolicies) await this.#policy("resource", resourcePolicyIn(path));
    await this.#each("attestation policy", attestationPolicies, async (folder) => {
      for (const policy of attestationPoliciesIn(folder)) await this.#policy("attestation", policy);
    });
    const storages = resources.flatMap((source) => (source.layout === "key-value" ? source.storage : []));
    await this.#each("resource policy", storages, async (storage) => {
      for (const value of namespaceValues(storage, "kbs")) {
        if (value.name === "resource-policy.rego") await this.#policy("resource", resourcePolicyOf(value));
      }
      for (const value of namespaceValues(storage, "attestation_service_policy"))
        await this.#policy("attestation", attestationPolicyOf(value));
    });
  }

  async #policy(kind: PolicyKind, { id, from, read }: OldPolicy): Promise<void> {
    const item = { kind: `${kind} policy`, name: id, from } as const;
    await this.#attempt(item, async () => {
      const text = read(this.#options.now);
      const before = await this.#store.policies.get(ROOT_REALM, kind, id);
      if (before === text) return this.report.add({ ...item, outcome: "unchanged" });
      if (before !== undefined && !this.#options.replace && !isFirst(kind, id, before)) {
        return this.report.add({ ...item, outcome: "kept", why: "another one is in force; --replace puts this one in its place" });
      }
      if (before === undefined && (await this.#store.policies.list(ROOT_REALM, kind)).length >= MAX_POLICIES) {
        throw new CaiError("kbs.request-too-large", `there are ${MAX_POLICIES} policies already`);
      }
      if (!this.#options.dryRun) await this.#store.policies.put(ROOT_REALM, kind, id, text);
      this.report.add({ ...item, outcome: "taken" });
    });
  }

  async references({ references, resources }: Installation): Promise<void> {
    await this.#each("reference value", references, async (path) => this.#references(path, referencesIn(path, this.#options.now)));
    const storages = resources.flatMap((source) => (source.layout === "key-value" ? source.storage : []));
    await this.#each("reference value", storages, async (storage) => {
      const values = [...namespaceValues(storage, "reference_value")].slice(0, MAX_REFERENCES);
      await this.#references(
        storage.folder,
        values.map(({ name, read }) => ({ name, read: () => ({ ...storedReferenceText(read().toString("utf8")), name }) })),
      );
    });
  }

  async #references(from: string, values: readonly OldReference[]): Promise<void> {
    const before = await this.#store.references.all(ROOT_REALM);
    const taken = new Map<string, ReferenceValue>();
    for (const { name, read } of values) {
      const item = { kind: "reference value", name, from } as const;
      await this.#attempt(item, async () => {
        const value = read();
        const old = before.get(value.name);
        if (value.expires <= this.#options.now) return this.report.add({ ...item, outcome: "left out", why: "it has expired" });
        if (sameReference(old, value)) return this.report.add({ ...item, outcome: "unchanged" });
        if (old !== undefined && !this.#options.replace) {
          return this.report.add({ ...item, outcome: "kept", why: KEPT });
        }
        if (before.size + taken.size >= MAX_REFERENCES) {
          throw new CaiError("kbs.request-too-large", `a realm keeps at most ${MAX_REFERENCES} reference values`);
        }
        taken.set(value.name, value);
        this.report.add({ ...item, outcome: "taken" });
      });
    }
    if (taken.size > 0 && !this.#options.dryRun) await this.#store.references.update(ROOT_REALM, () => [...taken.values()]);
  }

  async resources({ resources }: Installation): Promise<void> {
    for (const source of resources) {
      const from = source.layout === "tree" ? source.folder : source.storage.folder;
      await this.#attempt({ kind: "resource", name: from, from }, async () => {
        let batch: { path: string; value: Buffer }[] = [];
        let size = 0;
        const write = async () => {
          if (batch.length > 0 && !this.#options.dryRun) await this.#store.resources.putAll(batch, true);
          for (const { value } of batch) value.fill(0);
          batch = [];
          size = 0;
        };
        for (const { name, from: file, read } of oldResources(source)) {
          await this.#attempt({ kind: "resource", name, from: file }, async () => {
            const value = read();
            const outcome = await this.#resourceOutcome(name, value);
            const why = outcome === "kept" ? KEPT : await this.#envelopeNote(value);
            this.report.add({ kind: "resource", name, from: file, outcome, ...(why !== undefined && { why }) });
            if (outcome !== "taken") return void value.fill(0);
            batch.push({ path: name, value });
            size += value.length;
          });
          if (batch.length >= BATCH.entries || size >= BATCH.bytes) await write();
        }
        await write();
      });
    }
  }

  async #resourceOutcome(path: string, value: Buffer): Promise<"taken" | "unchanged" | "kept"> {
    const before = await this.#store.resources.get(path);
    if (before === undefined) return "taken";
    const same = value.equals(before);
    before.fill(0);
    if (same) return "unchanged";
    return this.#options.replace ? "taken" : "kept";
  }

  /** An encrypted resource is taken as it is, and is worth something only with the key that it was encrypted to. */
  async #envelopeNote(value: Buffer): Promise<string | undefined> {
    if (!isEnvelope(value)) return undefined;
    const keys = this.report.count("taken", "envelope key") + this.report.count("unchanged", "envelope key");
    const known = keys > 0 || (await this.#store.ownKeys.names()).some((name) => name.startsWith("envelope/"));
    return known ? "an envelope" : "an envelope, and no private key was imported: name it with --envelope-key";
  }

  /** Says in the records what was imported, as every change by an administrator is said there. */
  async record(): Promise<void> {
    if (this.#options.dryRun) return;
    const detail = { import: this.report.counts() as JsonValue };
    await this.#store.decisions.append({
      time: this.#options.now,
      kind: "admin",
      outcome: "allowed",
      subject: "cai trustee import",
      detail,
    });
  }

  /** Does something for each place; a place that cannot be read does not keep the others from being read. */
  async #each<T>(kind: ItemKind, places: readonly T[], work: (place: T) => Promise<void>): Promise<void> {
    for (const place of places) {
      const from = typeof place === "string" ? place : (place as { readonly folder: string }).folder;
      await this.#attempt({ kind, name: from, from }, () => work(place));
    }
  }

  /** A thing that cannot be taken is reported; what the store itself fails with ends the import. */
  async #attempt(item: Pick<Item, "kind" | "name" | "from">, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof CaiError) || error.id.startsWith("store.")) throw error;
      if (error.id === "trustee.import-insecure") {
        const why = [error.message, error.hint].filter((part) => part !== undefined).join(". ");
        this.report.add({ ...item, outcome: "left out", error: error.id, why });
      } else this.report.refuse(item, error);
    }
  }
}

/** Whether a policy is the one that `init` made: nobody has chosen it. */
function isFirst(kind: PolicyKind, id: string, text: string): boolean {
  if (id !== POLICY_IN_FORCE) return false;
  const first = kind === "resource" ? [templates["deny-all"]] : [templates.attestation, templates["attestation-simulated"]];
  return first.includes(text);
}

function sameReference(before: ReferenceValue | undefined, after: ReferenceValue): boolean {
  return before !== undefined && before.kind === after.kind && JSON.stringify(before.value) === JSON.stringify(after.value);
}

function isEnvelope(value: Buffer): boolean {
  try {
    return parseEnvelope(value) !== undefined;
  } catch {
    return true;
  }
}
