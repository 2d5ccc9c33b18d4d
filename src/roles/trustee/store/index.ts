export type { StoreRow } from "./backup.ts";
export type { StoreContents } from "./build.ts";
export { lockData } from "./data-lock.ts";
export { createMasterKey, masterKeyPath, readMasterKey, type StoreKeys } from "./master-key.ts";
export { createStore, importStore, openStore, storeExists } from "./open-store.ts";
export { parseStorePlace, type StorePlace } from "./place.ts";
export {
  type Decision,
  type DecisionQuery,
  type DecisionRecord,
  type ReferenceValue,
  ROOT_REALM,
  type Store,
  type World,
} from "./store.ts";
