export type { StoreRow } from "./backup.ts";
export type { StoreContents } from "./build.ts";
export { type DataLock, lockData } from "./data-lock.ts";
export { masterKeyPath, readMasterKey, type StoreKeys, syncFolder } from "./master-key.ts";
export {
  describeMasterKey,
  discardNextKey,
  type KeySurroundings,
  type MasterKeyForm,
  makeMasterKey,
  makeNextKey,
  openMasterKeys,
  parseMasterKeyForm,
  passphraseParameters,
  settleMasterKey,
} from "./master-key-form.ts";
export { createStore, importStore, openStore, storeExists } from "./open-store.ts";
export { scryptParametersSchema } from "./passphrase.ts";
export { parseStorePlace, type StorePlace } from "./place.ts";
export { realmKey, rowsOfRealm } from "./policy-tables.ts";
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
export { type Column, SCHEMA_VERSION, TABLES, type TableName } from "./tables.ts";
