export type { Artefact } from "./artefact.ts";
export type { DirectoryEntry, FileEntry, IndexEntry, SymlinkEntry } from "./entry.ts";
export { type Header, readHeader, resourcePath, type Slot } from "./header.ts";
export { type KeyFile, readKeyFile, writeKeyFile } from "./key-file.ts";
export { type OpenOptions, openArtefact } from "./open.ts";
export { readRange } from "./read.ts";
export { formatRootLines, parseRoot, parseRootLines } from "./root.ts";
export type { Recipient, SlotExpectation } from "./slot.ts";
export { type BlockSource, type FileSource, openFileSource } from "./source.ts";
