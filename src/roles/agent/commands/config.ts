import { defineVerb, printSettings } from "../../../system/index.ts";
import { MOUNT_FLAGS } from "./mount-flags.ts";

export default defineVerb({
  path: "agent config",
  description:
    "Prints the settings that `cai agent mount` would run with, and where each came from: flag, environment, file or default.\nAttests nothing.",
  positionals: [],
  flags: MOUNT_FLAGS,
  settingsFile: () => undefined,
  examples: [
    { about: "what is in force here", line: "cai agent config" },
    { about: "of a settings file", line: "cai agent config --config /etc/cai/agent.toml --json" },
  ],
  run: async (context) => printSettings(context, MOUNT_FLAGS),
});
