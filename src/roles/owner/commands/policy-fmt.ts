import { formatPolicy } from "../../../policy/index.ts";
import { CaiError, defineVerb, writeWholeFile } from "../../../system/index.ts";
import { readModules } from "../policy-files.ts";

export default defineVerb({
  path: "policy fmt",
  description:
    "Lays policies out in one style: tabs, a line for every statement of a body, one space between words. Comments and meaning stay.\nPrints the result, unless --write puts it in place or --check only says which files differ.",
  positionals: [{ name: "FILE", about: "policies, or folders of them; `-` reads standard input", variadic: true }],
  flags: {
    check: { kind: "switch", about: "change nothing; status 1 where a file has another layout", commandLineOnly: true },
    write: { kind: "switch", short: "w", about: "write the result to the files", commandLineOnly: true },
  },
  examples: [
    { about: "print one policy in the common layout", line: "cai policy fmt policy.rego" },
    { about: "every policy of a folder, in place", line: "cai policy fmt policies --write" },
    { about: "before a commit", line: "cai policy fmt policies --check" },
  ],
  exits: { 0: "done; with --check, every file has the layout", 1: "with --check, a file has another layout" },
  async run({ positionals: [files], flags, print }) {
    if (flags.check && flags.write)
      throw new CaiError("cli.usage", "--check and --write exclude each other", { hint: "cai policy fmt --help" });
    if (flags.write && files.includes("-"))
      throw new CaiError("cli.usage", "standard input cannot be written to", { hint: "cai policy fmt -" });
    const modules = await readModules(files);
    // All of them first: a file that does not parse must not leave half of the others changed.
    const results = modules.map(({ name, text }) => {
      const formatted = formatPolicy({ name, text });
      return { file: name, changed: formatted !== text, text: formatted };
    });
    const changed = results.filter((result) => result.changed);
    if (flags.write) for (const { file, text } of changed) writeWholeFile(file, text, { replaces: true });
    if (flags.check || flags.write) {
      const about = flags.check ? "another layout" : "written";
      print(
        { files: results.map(({ file, changed }) => ({ file, changed })) },
        changed.length === 0 ? `${results.length} files have the layout` : changed.map(({ file }) => `${about}: ${file}`).join("\n"),
      );
    } else {
      // The text ends with a line end, and printing adds another.
      print(
        { files: results },
        results
          .map(({ text }) => text)
          .join("\n")
          .slice(0, -1),
      );
    }
    if (flags.check && changed.length > 0) {
      throw new CaiError("policy.not-formatted", `${changed.length} of ${results.length} files have another layout`);
    }
  },
});
