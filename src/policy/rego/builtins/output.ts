import { type Builtins, builtin, stringArg } from "./builtin.ts";

/** What other engines write to a log. A policy has none: the statements hold, and their arguments only have to be safe. */
export const outputs: Builtins = {
  print: builtin([0, 64], () => true),
  trace: builtin(1, (args) => {
    stringArg(args, 0);
    return true;
  }),
};
