export { lockData } from "./data-lock.ts";
export { createMasterKey, masterKeyPath } from "./master-key.ts";
export { realmKey, rowsOfRealm } from "./policy-tables.ts";
export { createStore, openStore, type StoreContents, storeExists } from "./sqlite-store.ts";
export {
  type Decision,
  type DecisionQuery,
  type DecisionRecord,
  type ReferenceValue,
  ROOT_REALM,
  type Store,
  type World,
} from "./store.ts";
