import { defineVerb, printSettings } from "../../../system/index.ts";
import { SERVE_FLAGS, settingsFile } from "./flags.ts";

export default defineVerb({
  path: "trustee config",
  description:
    "Prints the settings that `cai trustee serve` would run with, and where each came from: flag, environment, file or default.\nStarts nothing.",
  positionals: [],
  flags: SERVE_FLAGS,
  settingsFile,
  examples: [
    { about: "what is in force here", line: "cai trustee config" },
    { about: "with another file", line: "cai trustee config --config /etc/cai/trustee.toml --json" },
  ],
  run: async (context) => printSettings(context, SERVE_FLAGS),
});
