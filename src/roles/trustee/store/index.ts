export { lockData } from "./data-lock.ts";
export { masterKeyPath, type StoreKeys } from "./master-key.ts";
export {
  describeMasterKey,
  type KeySurroundings,
  type MasterKeyForm,
  makeMasterKey,
  openMasterKeys,
  parseMasterKeyForm,
  settleMasterKey,
} from "./master-key-form.ts";
export { createStore, openStore, type StoreContents, storeExists } from "./sqlite-store.ts";
export {
  type Decision,
  type DecisionQuery,
  type DecisionRecord,
  type PolicyKind,
  type ReferenceValue,
  ROOT_REALM,
  type Store,
  type World,
} from "./store.ts";
