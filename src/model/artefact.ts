import type { IndexEntry } from "./entry.ts";
import type { Header } from "./header.ts";
import type { BlockSource } from "./source.ts";

/** An opened artefact: header and index are authenticated, and the root is the one that was asked for. */
export interface Artefact {
  readonly source: BlockSource;
  readonly header: Header;
  /** in index order; an entry's place is its number */
  readonly entries: readonly IndexEntry[];
  /** the secret that file keys derive from; copy it to where it is used and wipe it there, never log it */
  readonly prk: Uint8Array;
  /** `sha256:<hex>`: the identity of exactly these bytes */
  readonly root: string;
  /** Wipes the key and closes the source. */
  close(): Promise<void>;
}
