import { compilePolicy, type Explanation, explainQuery, formatExplanation, type ReasonStyle } from "../../../policy/index.ts";
import { type DecisionName, parseDecisionName } from "../../../protocol/index.ts";
import { CaiError, defineVerb, type JsonObject, printable } from "../../../system/index.ts";
import { type Colours, coloursFor } from "../colours.ts";
import { referencesOf, reportOf, reportText } from "../decision-explanation.ts";
import { asJson, getDecision, REALM_FLAG } from "../decisions.ts";
import { DOCUMENT_FLAGS, readDocuments } from "../policy-documents.ts";
import { readModules } from "../policy-files.ts";
import { ADMIN_FLAGS, connectAdmin } from "../trustee-admin.ts";

/** Reasons at most: a person asked for them, and waits. */
const SHOWN_REASONS = 1_000;

const { required: _, ...adminKey } = ADMIN_FLAGS["admin-key"];
/** What asks a trustee; other uses of the verb have no trustee. */
const TRUSTEE_GROUP = "of a trustee's decision";
const TRUSTEE_FLAGS = {
  trustee: { ...ADMIN_FLAGS.trustee, group: TRUSTEE_GROUP },
  "admin-key": { ...adminKey, group: TRUSTEE_GROUP },
  "as-role": { ...ADMIN_FLAGS["as-role"], group: TRUSTEE_GROUP },
  "trustee-pin": { ...ADMIN_FLAGS["trustee-pin"], group: TRUSTEE_GROUP },
  ca: { ...ADMIN_FLAGS.ca, group: TRUSTEE_GROUP },
  realm: { ...REALM_FLAG, group: TRUSTEE_GROUP },
} as const;

export default defineVerb({
  path: "policy explain",
  description:
    "Says why a query over policies, or a decision of a trustee, came out as it did: the statements that failed, or those that carried it, with the values they compared, and for a decision what would change it.\nThe report shows parts of the input; give it to the policy's operator, not to the party that was refused.",
  positionals: [
    {
      name: "FILE",
      about:
        "policies, or folders of them; `-` reads standard input; or one decision, by its number or the id that a refused machine shows",
      variadic: true,
    },
  ],
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
    ...TRUSTEE_FLAGS,
  },
  examples: [
    {
      about: "why did the trustee refuse? by the id that the machine was told",
      line: "cai policy explain lwhqt72rzz5ejn2a --admin-key cai-trustee/admin.key",
    },
    { about: "why was this token refused?", line: "cai policy explain policy.rego --input token.json" },
    {
      about: "one claim of an attestation policy, for a program",
      line: "cai policy explain attestation.rego --query data.policy.executables --input evidence.json --data references.json --json",
    },
  ],
  async run({ positionals: [files], flags, print, signal }) {
    const decision = files.length === 1 ? parseDecisionName(files[0]!) : undefined;
    if (decision !== undefined) {
      if (flags.input !== undefined || flags.data !== undefined) {
        throw new CaiError("cli.usage", `${files[0]} is a decision, which has its own input`, {
          hint: "a file of that name is written as ./NAME",
        });
      }
      const report = await explainDecision(decision, flags, signal);
      print(asJson(report), reportText(report, coloursFor(process.stdout, process.env)));
      return;
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

async function explainDecision(
  name: DecisionName,
  flags: Omit<Parameters<typeof connectAdmin>[0], "admin-key"> & {
    readonly "admin-key": string | undefined;
    readonly realm: string | undefined;
  },
  signal: AbortSignal,
) {
  const key = flags["admin-key"];
  if (key === undefined) {
    throw new CaiError("cli.usage", "a decision is explained by its trustee, which needs --admin-key", {
      hint: "a file of that name is written as ./NAME; cai policy explain --help",
    });
  }
  const admin = await connectAdmin({ ...flags, "admin-key": key }, signal);
  const single = await getDecision(admin, name, flags.realm);
  return reportOf(admin.world, single, await referencesOf(admin, single));
}

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
