import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { compilePolicy, type EvaluateOptions } from "../../../src/policy/index.ts";
import { CaiError, type JsonValue } from "../../../src/system/index.ts";

const folder = resolve(process.env["CAI_VECTORS"] ?? resolve(import.meta.dir, "../../../../shared/vectors"), "rego/v1");

/** Groups of built-ins that no attestation policy uses, each with the reason why it is left out. */
const UNSUPPORTED: { readonly [group: string]: string } = {
  cryptoparsersaprivatekeys: "a policy has no business with private keys",
  cryptox509parseandverifycertificates: "chains are verified before a policy sees claims",
  cryptox509parsecertificaterequest: "chains are verified before a policy sees claims",
  cryptox509parsecertificates: "chains are verified before a policy sees claims",
  cryptox509parsekeypair: "a policy has no business with private keys",
  cryptox509parsersaprivatekey: "a policy has no business with private keys",
  graphql: "no GraphQL in claims",
  jsonschema: "claims have a schema before a policy sees them",
  netlookupipaddr: "a policy reaches no network",
  "planner-ir": "tests of another engine's planner",
  "providers-aws": "signs requests to a cloud",
  regoparsemodule: "needs the other engine's syntax tree as data",
  rendertemplate: "templates of another language",
};

const NUMBER_AS_NAME = "a number never finds a member whose name is its text";
const TEMPLATE_ARGUMENT = "an argument's pattern has no expressions over the body's variables";

/** The cases that miss, each with its reason; everything else holds. */
const MISSES: { readonly [note: string]: string } = {
  "baseandvirtualdocs/base/virtual: conflicts":
    "where a base document stands over a rule's path the rule counts: data cannot decide in its place",
  "data/toplevel integer": NUMBER_AS_NAME,
  "data/nested integer": NUMBER_AS_NAME,
  "invalidkeyerror/invalid keys": "http.send is refused by name, before it could look at its request",
  "invalidkeyerror/missing keys": "http.send is refused by name, before it could look at its request",
  "string-interpolation/with in template expression": "a template string's braces hold a term, and with belongs to a statement",
  "string-interpolation/template-string function arg": TEMPLATE_ARGUMENT,
  "string-interpolation/multi-line/template-string function arg": TEMPLATE_ARGUMENT,
  "time/time caching": "test.sleep belongs to the other engine's test harness",
  "uuid.rfc4122/consistent values for same arguments": "random identifiers make a decision unrepeatable",
  "withkeyword/builtin: http.send example": "http.send is refused by name, also where a test replaces it",
  "withkeyword/builtin-builtin: arity 0": "opa.runtime is refused by name, also as a replacement",
};

interface Case {
  readonly note: string;
  readonly query: string;
  readonly modules?: readonly string[];
  readonly data?: JsonValue;
  readonly input?: JsonValue;
  readonly input_term?: string;
  readonly want_result?: readonly JsonValue[];
  readonly want_error?: string;
  readonly want_error_code?: string;
  readonly strict_error?: boolean;
  readonly sort_bindings?: boolean;
}

/** Text that equal values share; with `unordered`, arrays that differ in order only share it too. */
function textOf(value: JsonValue, unordered: boolean): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) {
    const items = (value as readonly JsonValue[]).map((item) => textOf(item, unordered));
    return `[${(unordered ? items.sort() : items).join()}]`;
  }
  const members = Object.entries(value).map(([key, item]) => `${JSON.stringify(key)}:${textOf(item, unordered)}`);
  return `{${members.sort().join()}}`;
}

function holds(one: Case): boolean {
  const wantsError = one.want_error !== undefined || one.want_error_code !== undefined;
  try {
    const policy = compilePolicy((one.modules ?? []).map((text, i) => ({ name: `module${i}`, text })));
    const term = one.input_term === undefined ? undefined : compilePolicy(`package term\nvalue := ${one.input_term}`);
    const input = one.input === undefined ? term?.evaluate("data.term.value") : one.input;
    const options: EvaluateOptions = { data: one.data ?? {}, lenient: one.strict_error !== true, now: 1_700_000_000 };
    const answers = policy.query(one.query, { ...options, ...(input !== undefined && { input }) });
    if (wantsError) return false;
    const unordered = one.sort_bindings === true;
    const texts = (list: readonly JsonValue[]) => list.map((answer) => textOf(answer, unordered)).sort();
    return texts(answers).join("\n") === texts(one.want_result ?? []).join("\n");
  } catch (error) {
    // Anything but an error of the engine is a crash, and counts as one.
    if (!(error instanceof CaiError)) throw error;
    // A function that does not exist here is not the error that the case wants.
    return wantsError && error.id !== "policy.builtin-unavailable" && !error.message.includes("unknown function");
  }
}

describe.skipIf(!existsSync(folder))("the conformance cases of the Rego language (skipped where there are no vectors)", () => {
  const groups = existsSync(folder) ? readdirSync(folder).map((file) => file.replace(/\.json$/, "")) : [];
  const counts = new Map<string, string>();
  for (const group of groups.sort()) {
    if (Object.hasOwn(UNSUPPORTED, group)) continue;
    test(`group ${group}`, () => {
      const { cases } = JSON.parse(readFileSync(resolve(folder, `${group}.json`), "utf8")) as { readonly cases: readonly Case[] };
      const missed = cases.filter((one) => !holds(one)).map(({ note }) => note);
      counts.set(group, `${cases.length - missed.length}/${cases.length}`);
      expect(missed).toEqual(cases.map(({ note }) => note).filter((note) => Object.hasOwn(MISSES, note)));
    });
  }

  test("all groups are counted", () => {
    console.log([...counts].map(([group, count]) => `${group} ${count}`).join(", "));
    console.log(`not supported: ${Object.keys(UNSUPPORTED).join(", ")}`);
    const sums = [...counts.values()].map((count) => count.split("/").map(Number) as [number, number]);
    const [passed, total] = sums.reduce(([a, b], [c, d]) => [a + c, b + d], [0, 0]);
    console.log(`${passed} of ${total} cases in scope hold`);
    expect(passed).toBeGreaterThanOrEqual(1234);
  });
});
