export { agreedRoots, type RootSource } from "./agreed-roots.ts";
export { type EvidenceSubject, evidenceFor, selectAttester } from "./attester.ts";
export type { AttestedSession } from "./handshake.ts";
export { createKbsClient, type KbsClient, type KbsClientSettings } from "./kbs-client.ts";
export type { ModelKeySource } from "./model-key.ts";
export { type MountedModel, type MountModelSettings, mountModel } from "./mount-model.ts";
export type { RetrySettings, TrusteeSettings } from "./trustee-connection.ts";
