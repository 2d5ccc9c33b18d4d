import type { Value } from "../value.ts";
import { type Builtins, builtin, stringArg } from "./builtin.ts";

/** What the attestation services add to the language (trustee.md §5.7). */
export const references: Builtins = {
  query_reference_value: builtin(1, (args, run) => (run.settings.referenceValue?.(stringArg(args, 0)) ?? null) as Value),
};
