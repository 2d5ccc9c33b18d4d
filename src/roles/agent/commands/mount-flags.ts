import type { FlagSpec } from "../../../system/index.ts";
import { TRUSTEE_FLAGS } from "./flags.ts";

/** The settings of a mount: flags of `mount`, keys of the agent's settings file, lines of `config`. */
export const MOUNT_FLAGS = {
  resource: {
    kind: "text",
    value: "URI",
    about:
      "the key's address, kbs:///repository/type/tag; without it the path in the artefact is asked for, at the configured trustee only",
  },
  "key-file": { kind: "text", value: "FILE", about: "use the key of this file and ask no trustee" },
  root: { kind: "text", value: "sha256:HEX", about: "mount this artefact and no other" },
  "accept-unpinned-root": {
    kind: "switch",
    commandLineOnly: true,
    about: "where nothing pins the artefact: take any that the key opens, also an older version",
  },
  mode: {
    kind: "text",
    value: "MODE",
    default: "fuse",
    oneOf: ["fuse", "tmpfs"],
    about: "fuse: decrypt what is read; tmpfs: decrypt everything into memory first",
  },
  allow: { kind: "text", noVariable: true, value: "WHO", default: "owner", about: "who may read: owner, all, UID or UID:GID" },
  "accept-swap": {
    kind: "switch",
    commandLineOnly: true,
    about: "go on although this machine swaps to a disk, where plaintext may be written",
  },
  ...TRUSTEE_FLAGS,
} as const satisfies Record<string, FlagSpec>;
