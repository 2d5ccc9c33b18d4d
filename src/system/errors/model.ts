import type { CatalogueEntry } from "./entry.ts";

/** Errors of encrypted models: the container, its readers and writers, and the file system that shows them. */
export const modelErrors = {
  "model.header-invalid": {
    exit: 3,
    cause: "The file is no encrypted model, or its header is damaged.",
    remedy: "Check that the path names an artefact of `cai model encrypt`, and fetch it again.",
  },
  "model.version-unsupported": {
    exit: 3,
    cause: "The artefact has a format version or cipher that this program does not know.",
    remedy: "Use the release of cai that made it, or a newer one.",
  },
  "model.truncated": {
    exit: 3,
    cause: "The artefact is shorter than its header says.",
    remedy: "Fetch it again; the copy was cut off.",
  },
  "model.source-failed": {
    exit: 1,
    cause: "The storage under the artefact gave an error.",
    remedy: "Check the disk or the network file system that the message names.",
  },
  "model.slot-foreign": {
    exit: 3,
    cause: "No key slot of the artefact is for the resource that was asked for.",
    remedy: "Name the resource that the artefact was encrypted for, or use the right artefact.",
  },
  "model.slot-unsupported": {
    exit: 3,
    cause: "The artefact's key slots are all of kinds that this program cannot open.",
    remedy: "Use a newer release, or wrap the artefact's key again.",
  },
  "model.key-wrong": {
    exit: 3,
    cause: "The key does not open the artefact.",
    remedy: "Use the key that the artefact was encrypted with.",
  },
  "model.commit-mismatch": {
    exit: 3,
    cause: "The header's key commitment is not that of the key it wraps: the header was damaged or tampered with.",
    remedy: "Fetch the artefact again from a source you trust.",
  },
  "model.index-corrupt": {
    exit: 3,
    cause: "The encrypted index was damaged or tampered with.",
    remedy: "Fetch the artefact again.",
  },
  "model.index-invalid": {
    exit: 3,
    cause: "The index is authentic but breaks a rule of the format.",
    remedy: "Encrypt the model again with a current release.",
  },
  "model.root-mismatch": {
    exit: 3,
    cause: "The artefact opens, but it is not the one that was pinned.",
    remedy: "Use the intended artefact, or pin the root of this one if it is the one you mean.",
  },
  "model.root-unpinned": {
    exit: 3,
    cause: "Nothing says which artefact is meant, so an older or another one under the same key would be taken.",
    remedy: "Give --root, or store the root beside the key; --accept-unpinned-root takes any artefact that the key opens.",
  },
  "model.root-invalid": {
    exit: 2,
    cause: "A root is not of the form sha256:<64 hex digits>, or there are more than two.",
    remedy: "Copy the root that `cai model encrypt` printed.",
  },
  "model.root-conflict": {
    exit: 3,
    cause: "Two places that pin the artefact name different roots.",
    remedy: "Make the configuration, --root, the .root resource and the key file agree.",
  },
  "model.block-corrupt": {
    exit: 3,
    cause: "A block of the artefact was damaged or tampered with.",
    remedy: "Fetch the artefact again; the message names the file and the block.",
  },
  "model.digest-mismatch": {
    exit: 3,
    cause: "Every block of a file is authentic, but together they are not what the index says: somebody with the key changed them.",
    remedy: "Encrypt the model again from the original.",
  },
  "model.source-changed": {
    exit: 1,
    cause: "A file of the model changed while it was being encrypted.",
    remedy: "Let nothing write to the model, and encrypt again.",
  },
  "model.input-unsupported": {
    exit: 2,
    cause: "The model has something that the container cannot carry.",
    remedy: "Remove the named file, or encrypt a folder without it.",
  },
  "model.key-file-invalid": {
    exit: 2,
    cause: "The key file is not 32 bytes, optionally followed by a line with the root.",
    remedy: "Use a key file that `cai model encrypt --key-file` wrote.",
  },
  "model.key-file-open": {
    exit: 2,
    cause: "The key file can be read by other users.",
    remedy: "chmod 600 it.",
  },
  "model.interrupted": {
    exit: 1,
    cause: "The work was ended before it was complete.",
    remedy: "Start it again; nothing incomplete was kept.",
  },
  "model.mountpoint-missing": {
    exit: 2,
    cause: "The folder to mount on does not exist.",
    remedy: "Make it, or name another.",
  },
  "model.mountpoint-busy": {
    exit: 2,
    cause: "Something is mounted on that folder already.",
    remedy: "Unmount it, or name another folder.",
  },
  "model.mountpoint-unsuitable": {
    exit: 2,
    cause: "The place to mount on is no folder, cannot be reached, or holds files that the mount would hide.",
    remedy: "Name an empty folder.",
  },
  "model.mount-failed": {
    exit: 1,
    cause: "The kernel refused the mount.",
    remedy: "The message has the kernel's reason; `--mode tmpfs` needs no FUSE.",
  },
  "model.fuse-unavailable": {
    exit: 1,
    cause: "This process cannot mount by FUSE.",
    remedy: "The message says what is missing; `--mode tmpfs` needs no FUSE.",
  },
  "model.no-memory-storage": {
    exit: 1,
    cause: "There is no storage in memory, or not enough of it, for a plain copy of the model; a disk is never used instead.",
    remedy: "Mount by FUSE, run as root, or free memory.",
  },
  "model.source-remote": {
    exit: 2,
    cause: "The artefact does not lie in a local file.",
    remedy: "Fetch it to a local file first.",
  },
} as const satisfies Record<string, CatalogueEntry>;
