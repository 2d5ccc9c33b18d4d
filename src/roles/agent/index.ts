export { agreedRoots } from "./agreed-roots.ts";
export { type EvidenceSubject, evidenceFor, selectAttester } from "./attester.ts";
export { createKbsClient, type KbsClient } from "./kbs-client.ts";
export type { ModelKeySource } from "./model-key.ts";
export { type MountedModel, type MountModelSettings, mountModel } from "./mount-model.ts";
