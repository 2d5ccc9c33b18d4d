import { aggregates } from "./aggregates.ts";
import type { Builtins } from "./builtin.ts";
import { networks } from "./cidr.ts";
import { digests } from "./digests.ts";
import { encodings } from "./encoding.ts";
import { globs } from "./glob.ts";
import { graphs } from "./graph.ts";
import { patches } from "./json-patch.ts";
import { tokens } from "./jwt.ts";
import { numbers } from "./numbers.ts";
import { objects } from "./objects.ts";
import { operators } from "./operators.ts";
import { outputs } from "./output.ts";
import { references } from "./reference.ts";
import { regexes } from "./regex.ts";
import { versions } from "./semver.ts";
import { signatures } from "./signature.ts";
import { formats } from "./sprintf.ts";
import { strings } from "./strings.ts";
import { times } from "./time.ts";
import { types } from "./types.ts";
import { units } from "./units.ts";
import { uuids } from "./uuid.ts";
import { documents } from "./yaml.ts";

/** Every built-in function. None reaches the network, files or the environment. */
export const builtins: Builtins = {
  ...aggregates,
  ...digests,
  ...documents,
  ...encodings,
  ...formats,
  ...globs,
  ...graphs,
  ...networks,
  ...numbers,
  ...objects,
  ...operators,
  ...outputs,
  ...patches,
  ...references,
  ...regexes,
  ...signatures,
  ...strings,
  ...times,
  ...tokens,
  ...types,
  ...units,
  ...uuids,
  ...versions,
};
