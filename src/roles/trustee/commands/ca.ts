import { defineVerb } from "../../../system/index.ts";
import { readTlsAuthority } from "../index.ts";
import { PLACE_FLAGS, placeOf, SERVE_FLAGS, settingsFile } from "./flags.ts";

export default defineVerb({
  path: "trustee ca",
  description:
    "Prints the certificate authority by which a trustee certifies itself for TLS, as agents and administrators take it with --ca.\nMakes it where the trustee has none yet; every replica over one store has the same, and the same pin.",
  positionals: [],
  flags: PLACE_FLAGS,
  settingsFile,
  settingsOf: SERVE_FLAGS,
  examples: [
    { about: "into a file for agents", line: "cai trustee ca > trustee-ca.pem" },
    { about: "with the pin of the trustee's TLS key", line: "cai trustee ca --data ./cai-trustee --json" },
  ],
  async run({ flags, print }) {
    const { ca, pin } = await readTlsAuthority(placeOf(flags));
    print({ ca, tls_pin: pin }, ca.trimEnd());
  },
});
