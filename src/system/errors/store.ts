import type { CatalogueEntry } from "./entry.ts";

/** Errors of the trustee's store. */
export const storeErrors = {
  "store.record-tampered": {
    exit: 3,
    cause: "A row of the trustee's database is not as the trustee wrote it: edited, moved, dropped, or restored from an older copy.",
    remedy: "Find out who wrote to the database; restore a whole backup together with its master key.",
  },
  "store.schema-unknown": {
    exit: 1,
    cause: "The store was written by another version of cai.",
    remedy: "Run the version that wrote it, or a newer one that reads it.",
  },
  "store.unreadable": {
    exit: 1,
    cause: "The store's database cannot be opened or read.",
    remedy: "Check the file, its permissions and the disk.",
  },
  "store.master-key-missing": {
    exit: 2,
    cause: "The store's master key, the file beside the data directory that ends in .master, cannot be read.",
    remedy: "Put it back. Without it nothing in the store can be opened.",
  },
  "store.master-key-exposed": {
    exit: 2,
    cause: "The store's master key belongs to another user, or others than its owner may read it.",
    remedy: "Make it yours and chmod 600 it, and consider its content known.",
  },
  "store.unavailable": {
    exit: 4,
    cause: "The trustee's database does not answer.",
    remedy: "Check that it runs and can be reached; the trustee goes on by itself when it answers again.",
  },
  "store.master-key-invalid": { exit: 2, cause: "The master key file is damaged.", remedy: "Restore it from where it is kept safe." },
} as const satisfies Record<string, CatalogueEntry>;
