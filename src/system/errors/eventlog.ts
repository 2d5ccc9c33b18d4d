import type { CatalogueEntry } from "./entry.ts";

/** What can be wrong with an event log and with events, on every platform. */
export const eventlogErrors = {
  "eventlog.malformed": {
    exit: 3,
    cause: "The bytes are no event log in TCG's crypto-agile format, are cut short, or are more than any machine writes.",
    remedy: "Take the log from the machine again, whole.",
  },
  "eventlog.event-invalid": {
    exit: 2,
    cause:
      "A runtime event cannot be recorded: its domain or operation is empty or has white space, its content more than one line, or it is too long.",
    remedy: "Use one word for the domain and one for the operation, and one line of content.",
  },
} as const satisfies Record<string, CatalogueEntry>;
