export type { Artefact } from "./artefact.ts";
export type { DirectoryEntry, FileEntry, IndexEntry, SymlinkEntry } from "./entry.ts";
export { type Header, readHeader, resourcePath, type Slot } from "./header.ts";
export { type BlockSource, type FileSource, openFileSource } from "./source.ts";
