import type { CatalogueEntry } from "./entry.ts";

/** Errors of the trustee's store. */
export const storeErrors = {
  "store.record-tampered": {
    exit: 3,
    cause: "A row of the trustee's database is not as the trustee wrote it: edited, moved, dropped, or restored from an older copy.",
    remedy:
      "Was the master key replaced (`cai trustee rekey`) or mixed up? Give every replica the right one, and start it again. Else find out who wrote to the database; restore a whole backup together with its master key.",
  },
  "store.missing": {
    exit: 2,
    cause: "There is no store where the setting `store` says.",
    remedy: "Make one with `cai trustee init`, with the same --data and --store.",
  },
  "store.not-empty": {
    exit: 2,
    cause: "A store was to be written where there is one already.",
    remedy: "Name a new file, or an empty database.",
  },
  "store.unavailable": {
    exit: 4,
    cause:
      "The store's database does not answer now: it is down, it restarts, it has no connection or no room left, or something locks it.",
    remedy:
      "See that the database runs and has room. A trustee that runs goes on by itself as soon as it answers; one that is only starting is to be started again.",
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
    cause: "The store's master key, or the file or credential that holds it or its passphrase, cannot be read.",
    remedy: "Put it back, or say where it is (--master-key). Without it nothing in the store can be opened.",
  },
  "store.master-key-exposed": {
    exit: 2,
    cause: "The store's master key belongs to another user, or others than its owner may read it.",
    remedy: "Make it yours and chmod 600 it, and consider its content known.",
  },
  "store.master-key-invalid": { exit: 2, cause: "The master key file is damaged.", remedy: "Restore it from where it is kept safe." },
  "store.master-key-wrong": {
    exit: 2,
    cause: "The passphrase is not the one that the store or the backup was closed with.",
    remedy: "Give the right one; nothing else opens it.",
  },
  "store.passphrase-missing": {
    exit: 2,
    cause: "A passphrase is wanted and none was given: there is no terminal to ask at, or the two that were typed differ.",
    remedy: "Start it on a terminal, or name a file of mode 0600 or a systemd credential.",
  },
  "store.passphrase-weak": {
    exit: 2,
    cause: "The new passphrase is too short to withstand guessing.",
    remedy: "Take several random words, at least 12 bytes.",
  },
  "store.backup-unknown": {
    exit: 2,
    cause: "The file is no backup of a trustee, or one of another version.",
    remedy: "Give a file that `cai trustee backup` wrote.",
  },
  "store.backup-key-wrong": {
    exit: 2,
    cause: "The backup was sealed with another key than the one that is given, or its header was changed.",
    remedy: "Give the master key that the trustee had when the backup was made (--master-key).",
  },
  "store.backup-truncated": {
    exit: 3,
    cause: "The backup ends before its end: it was copied in part, or written in part.",
    remedy: "Copy it again, or take another backup. Nothing was restored.",
  },
  "store.backup-tampered": {
    exit: 3,
    cause: "The backup is not as it was written: a part of it was changed, moved, dropped or added.",
    remedy: "Take another copy or another backup. Nothing was restored.",
  },
} as const satisfies Record<string, CatalogueEntry>;
