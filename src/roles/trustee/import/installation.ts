import type { OldProvider, OldRole } from "./old-roles.ts";
import type { Item } from "./report.ts";
import type { SourcePlace } from "./source-file.ts";

/** Where the secrets of an old installation are. */
export type ResourceSource =
  /** `<folder>/<repository>/<type>/<tag>` (trustee.md §3.2) */
  | { readonly layout: "tree"; readonly folder: string }
  /** a store of names and values (trustee.md §3.2) */
  | { readonly layout: "key-value"; readonly storage: KeyValueSource };

/** A store of names and values of the Confidential Containers family, by namespace. */
export interface KeyValueSource {
  /** `files`: `<folder>/<namespace>/<name>` with `\x2F` for each slash · `json`: `<folder>/<namespace>.json`, values in base64url */
  readonly form: "files" | "json";
  readonly folder: string;
}

/** What an old installation consists of: where its parts are, and what of it is known not to be taken. */
export interface Installation {
  readonly resources: ResourceSource[];
  readonly resourcePolicies: string[];
  /** folders with `<id>.rego` */
  readonly attestationPolicies: string[];
  /** files with reference values */
  readonly references: string[];
  /** SPKI PEM files */
  readonly administrators: string[];
  readonly roles: OldRole[];
  /** identity providers, each with where the files are that its configuration names */
  readonly providers: { readonly provider: OldProvider; readonly from: string; readonly place: SourcePlace }[];
  /** PEM files of private keys that encrypted resources are opened with, and folders of them */
  readonly envelopeKeys: string[];
  /** what is not taken, and why */
  readonly leftOut: Item[];
  /** flags of `cai trustee serve` that say the same */
  readonly serveFlags: string[];
}

/** @returns an installation without anything */
export function emptyInstallation(): Installation {
  return {
    resources: [],
    resourcePolicies: [],
    attestationPolicies: [],
    references: [],
    administrators: [],
    roles: [],
    providers: [],
    envelopeKeys: [],
    leftOut: [],
    serveFlags: [],
  };
}
