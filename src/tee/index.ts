export type { Attester, Binding, Claims, FloorFacts, TeeName, TrustAnchor, Verifier } from "./tee.ts";
