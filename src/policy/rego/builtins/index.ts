import { aggregates } from "./aggregates.ts";
import type { Builtins } from "./builtin.ts";
import { digests } from "./digests.ts";
import { encodings } from "./encoding.ts";
import { globs } from "./glob.ts";
import { graphs } from "./graph.ts";
import { numbers } from "./numbers.ts";
import { objects } from "./objects.ts";
import { operators } from "./operators.ts";
import { references } from "./reference.ts";
import { regexes } from "./regex.ts";
import { versions } from "./semver.ts";
import { formats } from "./sprintf.ts";
import { strings } from "./strings.ts";
import { times } from "./time.ts";
import { types } from "./types.ts";

/** Every built-in function. None reaches the network, files or the environment. */
export const builtins: Builtins = {
  ...aggregates,
  ...digests,
  ...encodings,
  ...formats,
  ...globs,
  ...graphs,
  ...numbers,
  ...objects,
  ...operators,
  ...references,
  ...regexes,
  ...strings,
  ...times,
  ...types,
  ...versions,
};
