import type { AssuranceLevel } from "../../policy/index.ts";

/** What a level means, in one line (security.md §1.4). */
export const LEVELS: Readonly<Record<AssuranceLevel, string>> = {
  L0: "genuine, current hardware; any software may run on it, so this protects nothing from the host",
  L1: "firmware, kernel, initrd and command line are the expected ones; the root file system may be another",
  L2: "the root file system is the expected one, too; its configuration may be another",
  L3: "the configuration is the expected one, too, and nobody can log in from afar",
};
