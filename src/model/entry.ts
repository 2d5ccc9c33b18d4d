/** One name of the encrypted tree (model-format.md §3.6). Its place in the index's array is its number. */
export type IndexEntry = FileEntry | DirectoryEntry | SymlinkEntry;

export interface FileEntry {
  readonly kind: "file";
  /** relative to the root of the tree, `/` between components, never empty, absolute, or with `.` and `..` */
  readonly path: string;
  /** the number that its keys are derived with: its own place in the index, or `linkOf` */
  readonly fileNo: number;
  /** plaintext bytes */
  readonly size: number;
  /** where its first chunk starts in the ciphertext stream */
  readonly offset: number;
  /** 16 random bytes an epoch; none where the file is empty */
  readonly salts: readonly Uint8Array[];
  /** lower-case hex of the plaintext's SHA-256; absent where the artefact carries no digests */
  readonly digest?: string;
  readonly executable: boolean;
  /** whole seconds since 1970; absent unless the artefact carries times */
  readonly mtime?: number;
  /** a hard link: the number of the entry whose bytes it shares */
  readonly linkOf?: number;
}

export interface DirectoryEntry {
  readonly kind: "directory";
  readonly path: string;
  readonly mtime?: number;
}

export interface SymlinkEntry {
  readonly kind: "symlink";
  readonly path: string;
  /** relative, and lexically inside the root */
  readonly target: string;
  readonly mtime?: number;
}
