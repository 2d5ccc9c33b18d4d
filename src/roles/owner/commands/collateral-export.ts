import { defineVerb, type JsonValue, writeWholeFile } from "../../../system/index.ts";
import { ADMIN_FLAGS, connectAdmin } from "../trustee-admin.ts";

export default defineVerb({
  path: "collateral export",
  description:
    "Saves the collateral that a trustee keeps as one file: the newest of each kind of platform.\nIts contents are signed by the manufacturer, so the file needs no protection on its way to a trustee that can fetch nothing.",
  positionals: [],
  flags: {
    ...ADMIN_FLAGS,
    output: { kind: "text", value: "FILE", short: "o", about: "where to save it; standard output by default", commandLineOnly: true },
  },
  examples: [
    { about: "into a file", line: "cai collateral export -o collateral.json --admin-key cai-trustee/admin.key" },
    {
      about: "from one trustee to another",
      line: "cai collateral export --admin-key one/admin.key | cai collateral import - --trustee http://127.0.0.1:8090 --admin-key two/admin.key",
    },
  ],
  async run({ flags, print, signal }) {
    const admin = await connectAdmin(flags, signal);
    const text = new TextDecoder().decode(await admin.call({ method: "GET", path: "cai/collateral/export" }));
    if (flags.output === undefined) {
      print(JSON.parse(text) as JsonValue, text.trimEnd());
      return;
    }
    writeWholeFile(flags.output, text);
    print({ file: flags.output }, `saved in ${flags.output}`);
  },
});
