export { lockData } from "./data-lock.ts";
export { createMasterKey, masterKeyPath } from "./master-key.ts";
export { createStore, openStore, type StoreContents, storeExists } from "./sqlite-store.ts";
export type { Decision, ReferenceValue, Store, World } from "./store.ts";
