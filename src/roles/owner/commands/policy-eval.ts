import { compilePolicy, type EvaluateOptions, type Policy } from "../../../policy/index.ts";
import { CaiError, defineVerb, type JsonObject, type JsonValue, printable } from "../../../system/index.ts";
import { exactJson } from "../exact-json.ts";
import { DOCUMENT_FLAGS, readDocuments } from "../policy-documents.ts";
import { readModules } from "../policy-files.ts";

export default defineVerb({
  path: "policy eval",
  description:
    "Evaluates a query over policies on this machine; no trustee is asked.\nPrints every answer: one object of the query's variables each, none where the query is undefined or false.",
  positionals: [{ name: "FILE", about: "policies, or folders of them; `-` reads standard input", variadic: true }],
  flags: {
    query: { kind: "text", value: "QUERY", short: "q", about: "for example data.policy.allow", required: true, commandLineOnly: true },
    ...DOCUMENT_FLAGS,
    lenient: {
      kind: "switch",
      about: "a built-in that fails makes its expression undefined, instead of ending it all",
      commandLineOnly: true,
    },
  },
  examples: [
    { about: "would this token open the resource?", line: "cai policy eval policy.rego --query data.policy.allow --input token.json" },
    {
      about: "every claim that an attestation policy gives to evidence that cai brings",
      line: "cai policy eval attestation.rego --fixtures --query 'x := data.policy with input as data.fixtures.tdx.affirming.evidence' --json",
    },
  ],
  async run({ positionals: [files], flags, print }) {
    if (files.includes("-") && [flags.input, flags.data].includes("-")) {
      throw new CaiError("cli.usage", "the policy and a document cannot both be standard input", { hint: "cai policy eval --help" });
    }
    const policy = compilePolicy(await readModules(files));
    const options = { ...(await readDocuments(flags, Math.floor(Date.now() / 1000))), lenient: flags.lenient };
    // A path has a value even where that is false, which is no answer to a query.
    const value = isPath(flags.query) ? pathValue(policy, flags.query, options) : undefined;
    const answers = exactJson(policy.queryJson(flags.query, options)) as readonly JsonObject[];
    const result: JsonObject = { result: answers, ...(value !== undefined && { value }) };
    print(result, isPath(flags.query) ? textOf(value) : answersText(answers));
  },
});

/** True for a query that only names a document, such as `data.policy.allow`. */
function isPath(query: string): boolean {
  return /^(?:data|input)(?:\.[A-Za-z_]\w*|\["[^"\\]*"\])*$/.test(query.trim());
}

function pathValue(policy: Policy, path: string, options: EvaluateOptions): JsonValue | undefined {
  const [answer] = exactJson(policy.queryJson(`value := ${path}`, options)) as readonly JsonObject[];
  return answer?.["value"];
}

function answersText(answers: readonly JsonObject[]): string {
  if (answers.length === 0) return "undefined: the query has no answer";
  return answers.map(answerText).join("\n\n");
}

function answerText(answer: JsonObject): string {
  const bindings = Object.entries(answer);
  if (bindings.length === 0) return "true";
  return bindings.map(([name, value]) => `${printable(name)} = ${textOf(value)}`).join("\n");
}

function textOf(value: JsonValue | undefined): string {
  return value === undefined ? "undefined" : printable(JSON.stringify(value, null, 2), true);
}
