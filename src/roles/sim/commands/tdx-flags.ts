import type { FlagSpec } from "../../../system/index.ts";

export const MACHINE_FLAG = {
  kind: "text",
  value: "FILE",
  default: "sim/machine.json",
  about: "the machine that `cai sim tdx init` made",
} as const satisfies FlagSpec;
