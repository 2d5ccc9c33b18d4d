export { type InitRequest, type InitResult, initTrustee } from "./init.ts";
export { type TrusteeSettings, trusteeSettingsSchema } from "./settings.ts";
export { createTrustee, type Trustee } from "./trustee.ts";
