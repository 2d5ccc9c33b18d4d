import { defineVerb } from "../../../system/index.ts";
import { clientOf, TRUSTEE_FLAGS } from "./flags.ts";

export default defineVerb({
  path: "agent token",
  description:
    "Attests this machine and prints the token that the trustee gave: a signed statement of what was verified and how it was graded.\nWhoever has the token can show it, but secrets are encrypted to a key that never leaves this process.",
  positionals: [],
  flags: TRUSTEE_FLAGS,
  examples: [
    { about: "for a relying party", line: "cai agent token --trustee https://trustee.example:8443" },
    { about: "with its claims", line: "cai agent token --simulated-tdx sim/machine.json --json" },
  ],
  async run({ flags, log, print, signal }) {
    const session = await (await clientOf(flags, log)).attest(signal);
    print({ token: session.token, claims: session.claims }, session.token);
  },
});
