export { initTrustee } from "./init.ts";

export { createTrustee, type Trustee } from "./trustee.ts";
