export { type DataLock, lockData } from "./data-lock.ts";
export { createMasterKey, masterKeyPath } from "./master-key.ts";
export { createStore, openStore, type StoreContents, storeExists } from "./sqlite-store.ts";
export type { Decision, PolicyKind, ReferenceValue, Session, Store, World } from "./store.ts";
