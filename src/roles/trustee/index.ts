export { initTrustee } from "./init.ts";

export { parseListenAddress } from "./listen-address.ts";
export { readTlsAuthority } from "./tls-authority.ts";
export { createTrustee, type Trustee } from "./trustee.ts";
