export { sampleDeviceVerifier, sampleVerifier } from "./verifier.ts";
