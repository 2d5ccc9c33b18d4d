import { CaiError, defineVerb } from "../../../system/index.ts";
import { rfc3339 } from "../../../tee/tdx/index.ts";
import { readInput } from "../input.ts";
import { readReferenceFile, setReferences } from "../references.ts";
import { ADMIN_FLAGS, connectAdmin, REALM_FLAG } from "../trustee-admin.ts";
import { parseTime } from "../verify/time.ts";

const MAX_FILE = 4 * 1024 * 1024;

export default defineVerb({
  path: "reference set",
  description:
    "Sets the values that a measurement may have, which attestation policies compare evidence with.\nWhat a name had before is replaced, unless --add is given. Values end after twelve months, unless --expires says when.",
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
    add: { kind: "switch", about: "add to the values that are there, for an upgrade, instead of replacing them", commandLineOnly: true },
    expires: {
      kind: "text",
      value: "TIME",
      about: "when the values end: RFC 3339, a day, or seconds since 1970; default: in twelve months",
      commandLineOnly: true,
    },
    ...REALM_FLAG,
    ...ADMIN_FLAGS,
  },
  examples: [
    { about: "what `cai sim tdx init` measured", line: "cai reference set --file sim/reference.json --admin-key cai-trustee/admin.key" },
    {
      about: "one register, two versions during an upgrade",
      line: "cai reference set tdx.rtmr_1 5a1f…,77b0… --admin-key cai-trustee/admin.key",
    },
    {
      about: "a second version beside the first, for one team, until the upgrade is done",
      line: "cai reference set tdx.rtmr_1 77b0… --add --expires 2027-01-31 --realm team-a --admin-key cai-trustee/admin.key",
    },
  ],
  async run({ positionals: [name, values], flags, print, signal }) {
    if (flags.file === undefined ? name === undefined || values === undefined : name !== undefined) {
      throw new CaiError("cli.usage", "give either NAME and VALUES, or --file", { hint: "cai reference set --help" });
    }
    const expiration = flags.expires === undefined ? undefined : rfc3339(parseTime(flags.expires, "--expires"));
    const references =
      flags.file === undefined
        ? [{ name: name ?? "", value: (values ?? "").split(",").map((value) => value.trim()) }]
        : readReferenceFile(new TextDecoder().decode(await readInput(flags.file, MAX_FILE)), flags.file);
    const given = references.map(({ name, value, expiration: own }) => ({ name, value, expiration: expiration ?? own }));
    await setReferences(await connectAdmin(flags, signal), given, { realm: flags.realm, merge: flags.add });
    const names = references.map((each) => each.name);
    print(
      { names },
      `${flags.add ? "added to" : "set"} ${names.length} reference value${names.length === 1 ? "" : "s"}: ${names.join(", ")}`,
    );
  },
});
