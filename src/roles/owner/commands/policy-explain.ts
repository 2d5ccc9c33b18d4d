import { compilePolicy, type Explanation, explainQuery, formatExplanation, type ReasonStyle } from "../../../policy/index.ts";
import { CaiError, defineVerb, type JsonObject, printable } from "../../../system/index.ts";
import { type Colours, coloursFor } from "../colours.ts";
import { DOCUMENT_FLAGS, readDocuments } from "../policy-documents.ts";
import { readModules } from "../policy-files.ts";

/** Reasons at most: a person asked for them, and waits. */
const SHOWN_REASONS = 1_000;

export default defineVerb({
  path: "policy explain",
  description:
    "Says why a query over policies comes out as it does: the statements that failed, or those that carried it, with the values they compared.\nThe report shows parts of the input; give it to the policy's operator, not to the party that was refused.",
  positionals: [{ name: "FILE", about: "policies, or folders of them; `-` reads standard input", variadic: true }],
  flags: {
    query: {
      kind: "text",
      value: "QUERY",
      short: "q",
      about: "for example data.policy.allow",
      default: "data.policy.allow",
      commandLineOnly: true,
    },
    ...DOCUMENT_FLAGS,
    lenient: {
      kind: "switch",
      about: "a built-in that fails makes its expression undefined, instead of ending it all",
      commandLineOnly: true,
    },
  },
  examples: [
    { about: "why was this token refused?", line: "cai policy explain policy.rego --input token.json" },
    {
      about: "one claim of an attestation policy, for a program",
      line: "cai policy explain attestation.rego --query data.policy.executables --input evidence.json --data references.json --json",
    },
  ],
  async run({ positionals: [files], flags, print }) {
    const [number] = files;
    if (files.length === 1 && /^\d+$/.test(number!)) {
      throw new CaiError("cli.usage", "decisions of a trustee cannot be explained by their number in this release", {
        expected: "FILE… with --query and --input",
        got: number!,
        hint: "cai policy explain --help",
      });
    }
    if (files.includes("-") && [flags.input, flags.data].includes("-")) {
      throw new CaiError("cli.usage", "the policy and a document cannot both be standard input", { hint: "cai policy explain --help" });
    }
    const policy = compilePolicy(await readModules(files));
    const options = { ...(await readDocuments(flags, Math.floor(Date.now() / 1000))), lenient: flags.lenient, reasons: SHOWN_REASONS };
    const explanation = explainQuery(policy, flags.query, options);
    print(
      plain(explanation, (text) => text),
      textOf(explanation, coloursFor(process.stdout, process.env)),
    );
  },
});

/** A copy as plain JSON, with every text changed. */
function plain(explanation: Explanation, change: (text: string) => string): JsonObject {
  return JSON.parse(JSON.stringify(explanation), (_, value: unknown) => (typeof value === "string" ? change(value) : value)) as JsonObject;
}

function textOf(explanation: Explanation, colours: Colours): string {
  const styles: { readonly [style in ReasonStyle]: (text: string) => string } = {
    holds: colours.good,
    fails: colours.bad,
    aside: colours.faint,
  };
  // The input and the policy could hold control characters; the colours come after they are gone.
  const shown = plain(explanation, (text) => printable(text)) as unknown as Explanation;
  return formatExplanation(shown, { paint: (style, text) => styles[style](text) }).trimEnd();
}
