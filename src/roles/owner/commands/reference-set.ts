import { CaiError, defineVerb } from "../../../system/index.ts";
import { readInput } from "../input.ts";
import { parseReferences, setReferences } from "../references.ts";
import { ADMIN_FLAGS, connectAdmin } from "../trustee-admin.ts";

const MAX_FILE = 4 * 1024 * 1024;

export default defineVerb({
  path: "reference set",
  description:
    "Sets the values that a measurement may have, which attestation policies compare evidence with.\nWhat a name had before is replaced. Values end after twelve months.",
  positionals: [
    { name: "NAME", about: "for example tdx.mr_td", optional: true },
    { name: "VALUES", about: "allowed values, separated by commas", optional: true },
  ],
  flags: {
    file: {
      kind: "text",
      value: "FILE",
      about: "a JSON object of names and arrays of values, instead of NAME and VALUES; `-` reads standard input",
      commandLineOnly: true,
    },
    ...ADMIN_FLAGS,
  },
  examples: [
    { about: "what `cai sim tdx init` measured", line: "cai reference set --file sim/reference.json --admin-key cai-trustee/admin.key" },
    {
      about: "one register, two versions during an upgrade",
      line: "cai reference set tdx.rtmr_1 5a1f…,77b0… --admin-key cai-trustee/admin.key",
    },
  ],
  async run({ positionals: [name, values], flags, print, signal }) {
    if (flags.file === undefined ? name === undefined || values === undefined : name !== undefined) {
      throw new CaiError("cli.usage", "give either NAME and VALUES, or --file", { hint: "cai reference set --help" });
    }
    const references =
      flags.file === undefined
        ? { [name ?? ""]: (values ?? "").split(",").map((value) => value.trim()) }
        : parseReferences(new TextDecoder().decode(await readInput(flags.file, MAX_FILE)), flags.file);
    await setReferences(await connectAdmin(flags, signal), references);
    const names = Object.keys(references);
    print({ names }, `set ${names.length} reference value${names.length === 1 ? "" : "s"}: ${names.join(", ")}`);
  },
});
