export { initTrustee } from "./init.ts";

export { parseListenAddress } from "./listen-address.ts";
export { createTrustee, type Trustee } from "./trustee.ts";
