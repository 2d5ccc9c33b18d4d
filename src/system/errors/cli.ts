/** Errors of the command line and of the process as a whole. */
import type { CatalogueEntry } from "./entry.ts";

export const cliErrors = {
  "cli.usage": { exit: 2, cause: "The command line does not say what the command needs.", remedy: "Read `cai <command> --help`." },
  "cli.unsafe-environment": {
    exit: 2,
    cause: "A variable of the environment would make the runtime run foreign code, print secrets or switch TLS checks off.",
    remedy: "Unset the named variable and start again.",
  },
  "cli.setting-unknown": {
    exit: 2,
    cause: "A settings file has a key that this role does not know.",
    remedy: "Correct the key; the message names the nearest known one.",
  },
  "cli.setting-invalid": {
    exit: 2,
    cause: "A setting has a value that it cannot have.",
    remedy: "Give a value of the form that the message names.",
  },
  "cli.input-unreadable": {
    exit: 2,
    cause: "A file named on the command line cannot be read.",
    remedy: "Check the path and its permissions.",
  },
  "cli.output-exists": {
    exit: 2,
    cause: "The output already exists and would be overwritten.",
    remedy: "Choose another name or remove the file first.",
  },
  "cli.output-failed": {
    exit: 1,
    cause: "The output could not be written.",
    remedy: "Check free space and permissions; nothing was left under the final name.",
  },
  "cli.interrupted": { exit: 1, cause: "The command was ended by a signal before it was done.", remedy: "Start it again." },
  "internal.unexpected": { exit: 1, cause: "A failure that cai has no id for.", remedy: "Report it with the message." },
  "internal.not-supported-here": {
    exit: 1,
    cause: "This machine lacks what the command needs.",
    remedy: "The message names what is missing.",
  },
} as const satisfies Record<string, CatalogueEntry>;
