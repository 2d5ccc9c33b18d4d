/** One policy that somebody wrote to break the engine, and what has to come of it. */
export interface Hostile {
  readonly name: string;
  /** the module as it comes: bytes, for not all of them are text */
  readonly policy: Uint8Array;
  /** the input document as JSON text */
  readonly input?: string;
  /** ids of which one has to come; empty where the policy is harmless after all */
  readonly ids: readonly string[];
  /** true where the message of an error other than a limit of a run has to name a line and a column */
  readonly hasPosition: boolean;
}

const encoder = new TextEncoder();

function broken(name: string, ids: readonly string[], policy: string | Uint8Array, hasPosition = true): Hostile {
  return { name, policy: typeof policy === "string" ? encoder.encode(policy) : policy, ids, hasPosition };
}

const HEAD = "package policy\nimport rego.v1\ndefault allow := false\n";

/** A policy whose text is in order and whose evaluation of `data.policy.allow` is not. */
function running(name: string, ids: readonly string[], body: string, input?: string): Hostile {
  return { ...broken(name, ids, `${HEAD}${body}\n`, ids.includes("policy.eval-error")), ...(input !== undefined && { input }) };
}

const PARSE = ["policy.parse-error"];
const COMPILE = ["policy.compile-error"];
const LIMIT = ["policy.limit-exceeded"];
const EVALUATION = ["policy.eval-error"];
const HARMLESS: readonly string[] = [];

const nested = (open: string, close: string, levels = 5000, core = "1") => `${open.repeat(levels)}${core}${close.repeat(levels)}`;
const letters = (count: number) => `concat("", [c | some _ in numbers.range(1, ${count}); c := "a"])`;
const loops = (depth: number) => Array.from({ length: depth }, (_, i) => `some v${i} in r`).join("; ");
const doubling = (levels: number, rule: (i: number) => string) => Array.from({ length: levels }, (_, i) => rule(i)).join("\n");

const TEXTS: readonly Hostile[] = [
  broken("no text at all", PARSE, ""),
  broken("bytes that are no UTF-8", PARSE, Uint8Array.of(...encoder.encode("package policy\n"), 0xc3, 0x28), false),
  broken("an overlong encoding of a slash", PARSE, Uint8Array.of(...encoder.encode("package policy # "), 0xc0, 0xaf), false),
  broken("an encoded surrogate", PARSE, Uint8Array.of(...encoder.encode("package policy # "), 0xed, 0xa0, 0x80), false),
  broken("UTF-16 text", PARSE, Uint8Array.of(0xff, 0xfe, 0x70, 0x00, 0x61, 0x00), false),
  broken("a zero byte", PARSE, "package policy\nallow := \u0000true"),
  broken("a policy of 10 MB", LIMIT, `package policy\n${"# comment\n".repeat(1_048_576)}`, false),
  broken("10 MB of one identifier", LIMIT, `package policy\n${"x".repeat(10_485_760)} := 1`, false),
  broken("one line of 1,000,000 brackets", LIMIT, `package policy\nx := ${"[".repeat(1_000_000)}`),
  broken("5,000 nested arrays", PARSE, `${HEAD}x := ${nested("[", "]")}`),
  broken("5,000 nested sets", PARSE, `${HEAD}x := ${nested("{", "}")}`),
  broken("5,000 nested objects", PARSE, `${HEAD}x := ${nested('{"a": ', "}")}`),
  broken("5,000 nested parentheses", PARSE, `${HEAD}x := ${nested("(", ")")}`),
  broken("5,000 nested comprehensions", PARSE, `${HEAD}x := ${nested("[1 | ", "]", 5000, "true")}`),
  broken("5,000 nested calls", PARSE, `${HEAD}x := ${nested("abs(", ")")}`),
  broken("5,000 nested every", PARSE, `${HEAD}x if { ${nested("every v in [1] { ", " }", 5000, "true")} }`),
  broken("5,000 nested indexes", PARSE, `${HEAD}x := ${nested("input[", "]", 5000, "0")}`),
  broken("5,000 steps of one reference", HARMLESS, `${HEAD}x := input${".a".repeat(5000)}`),
  broken("5,000 negations", PARSE, `${HEAD}x if { ${"not ".repeat(5000)}true }`),
  broken("100,000 terms added", LIMIT, `${HEAD}x := 1${" + 1".repeat(100_000)}`),
  broken(
    "5,000 else branches",
    [...PARSE, ...LIMIT, "policy.harmless"],
    `${HEAD}x := 1 if { false }${" else := 2 if { false }".repeat(5000)}`,
  ),
  broken(
    "5,000 withs on one statement",
    [...PARSE, ...LIMIT, ...COMPILE, "policy.harmless"],
    `${HEAD}x if { true ${"with input as 1 ".repeat(5000)}}`,
  ),
  broken("a string without end", PARSE, `${HEAD}x := "${"a".repeat(100_000)}`),
  broken("a raw string without end", PARSE, `${HEAD}x := \`${"a\n".repeat(100_000)}`),
  broken("an escape that is none", PARSE, `${HEAD}x := "\\x41"`),
  broken("half a surrogate pair in an escape", [...PARSE, "policy.harmless"], `${HEAD}x := "\\ud800"`),
  broken("a number beyond all floats", PARSE, `${HEAD}x := 1e400`),
  broken("a number of 100,000 digits", [...PARSE, ...LIMIT, "policy.harmless"], `${HEAD}x := ${"9".repeat(100_000)}`, false),
  broken("an exponent of 100,000 digits", PARSE, `${HEAD}x := 1e${"9".repeat(100_000)}`),
  broken("NaN", COMPILE, `${HEAD}x := NaN`),
  broken("Infinity", PARSE, `${HEAD}x := -Infinity`),
  broken("a hexadecimal number", PARSE, `${HEAD}x := 0xff`),
  broken("a key twice in an object", [...COMPILE, "policy.harmless"], `${HEAD}x := {"a": 1, "a": 2}`),
  broken("a rule named __proto__", HARMLESS, `${HEAD}__proto__ := {"allow": true}`),
  broken("a package named __proto__.constructor", HARMLESS, "package __proto__.constructor\nallow := true"),
  broken("a call of a prototype's method", COMPILE, `${HEAD}allow if hasOwnProperty("x")`),
  broken("a call of a prototype's method by reference", PARSE, `${HEAD}allow if constructor.constructor("return process")()`),
  broken("a rule that reads itself", COMPILE, `${HEAD}x if not x`),
  broken("rules that read themselves in a ring of 1,000", COMPILE, HEAD + doubling(1000, (i) => `r${i} := r${(i + 1) % 1000}`)),
  broken("a rule that reads all of data", COMPILE, `${HEAD}x := count(data)`),
  broken("a variable that nothing binds", COMPILE, `${HEAD}allow if not input.a[i]`),
  broken(
    "statements that can be ordered in one way only",
    LIMIT,
    `${HEAD}x if {\n${doubling(3000, (i) => `a${3000 - i} = a${2999 - i}`)}\na0 = 1 }`,
  ),
  broken("two defaults", COMPILE, `${HEAD}default allow := true`),
  broken("a control sequence in a name", PARSE, `${HEAD}x\u001b[2J := 1`),
  broken("a text that turns direction", PARSE, `${HEAD}x\u202e := 1`),
];

const DEEP_INPUT = `{"a":${nested("[", "]", 200_000)},"b":${nested("[", "]", 200_000)}}`;

const RUNS: readonly Hostile[] = [
  running("a comprehension over 1,000^6", LIMIT, `r := numbers.range(1, 1000)\nallow if count([1 | ${loops(6)}]) > 0`),
  running(
    "nested every over 1,000^3",
    LIMIT,
    "r := numbers.range(1, 1000)\nallow if { every a in r { every b in r { every c in r { a + b + c > 0 } } } }",
  ),
  running(
    "functions that call themselves twice 60 levels deep",
    LIMIT,
    `f0(x) := x\n${doubling(60, (i) => `f${i + 1}(x) := f${i}(x) + f${i}(x + 1)`)}\nallow if f60(1) > 0`,
  ),
  running(
    "arrays that double 60 times",
    LIMIT,
    `a0 := [1]\n${doubling(60, (i) => `a${i + 1} := array.concat(a${i}, a${i})`)}\nallow if count(a60) > 0`,
  ),
  running(
    "strings that double 60 times",
    LIMIT,
    `a0 := "aaaa"\n${doubling(60, (i) => `a${i + 1} := concat("", [a${i}, a${i}])`)}\nallow if a60 != ""`,
  ),
  running(
    "a document shared 60 times over, then written out",
    LIMIT,
    `a0 := [1]\n${doubling(60, (i) => `a${i + 1} := [a${i}, a${i}]`)}\nallow if json.marshal(a60) != ""`,
  ),
  running(
    "a document shared 60 times over, then compared",
    LIMIT,
    `a0 := [1]\nb0 := [1]\n${doubling(60, (i) => `a${i + 1} := [a${i}, a${i}]\nb${i + 1} := [b${i}, b${i}]`)}\nallow if a60 == b60`,
  ),
  running(
    "a document shared 60 times over, then walked",
    LIMIT,
    `a0 := [1]\n${doubling(60, (i) => `a${i + 1} := [a${i}, a${i}]`)}\nallow if count([p | walk(a60, [p, _])]) > 0`,
  ),
  running(
    "a document shared 60 times over, then put into a set",
    LIMIT,
    `a0 := [1]\n${doubling(60, (i) => `a${i + 1} := [a${i}, a${i}]`)}\nallow if count({a60, 1}) > 0`,
  ),
  running(
    "a document shared 60 times over, as the decision",
    LIMIT,
    `a0 := [1]\n${doubling(60, (i) => `a${i + 1} := [a${i}, a${i}]`)}\nallow := a60`,
  ),
  running("a range of 10^15", LIMIT, "allow if count(numbers.range(1, 1000000000000000)) > 0"),
  running(
    "all unions of 20,000 sets",
    [...LIMIT, "policy.harmless"],
    "allow if count(union({{a, b} | some a in numbers.range(1, 300); some b in numbers.range(1, 300)})) > 0",
  ),
  running(
    "squares of squares",
    [...EVALUATION, ...LIMIT],
    `a0 := 999999999999999999\n${doubling(40, (i) => `a${i + 1} := a${i} * a${i}`)}\nallow if a40 > 0`,
  ),
  running("a shift by 2^40", [...EVALUATION, ...LIMIT], "allow if bits.lsh(1, 1099511627776) > 0"),
  running("division by zero", EVALUATION, "allow if 1 / 0 > 0"),
  running("a remainder by zero", EVALUATION, "allow if 1 % 0 > 0"),
  running("a number out of all range", EVALUATION, "allow if 1e308 / 0.001 > 0"),
  running("text that is no number", EVALUATION, 'allow if to_number("NaN") > 0'),
  running("text of an endless number", EVALUATION, 'allow if to_number("Infinity") > 0'),
  running("nested repetition over a long text", HARMLESS, `allow if regex.match("^(a+)+$", concat("", [${letters(30_000)}, "!"]))`),
  running("alternatives that overlap", HARMLESS, `allow if regex.match("^(a|a)*$", concat("", [${letters(30_000)}, "!"]))`),
  running(
    "three wildcards over a long text",
    [...LIMIT, "policy.harmless"],
    `allow if regex.match("(.*)(.*)(.*)[^a]$", ${letters(50_000)})`,
  ),
  running("a pattern with 10^9 states", EVALUATION, 'allow if regex.match("((((a{1,30}){1,30}){1,30}){1,30}){1,30}", "a")'),
  running(
    "a pattern of 100,000 groups",
    [...EVALUATION, ...LIMIT],
    `allow if regex.match(concat("", [${letters(10)}, replace(${letters(100_000)}, "a", "(")]), "a")`,
  ),
  running("a back reference", EVALUATION, 'allow if regex.match(`(a)\\1`, "aa")'),
  running(
    "a glob of stars",
    [...LIMIT, "policy.harmless"],
    `allow if glob.match(concat("", [replace(${letters(500)}, "a", "*a"), "b"]), [], ${letters(20_000)})`,
  ),
  running(
    "a template of a width that no memory holds",
    [...LIMIT, ...EVALUATION, "policy.harmless"],
    'allow if sprintf("%9999999999d", [1]) == "x"',
  ),
  running("an argument index that no list has", [...EVALUATION, "policy.harmless"], 'allow if sprintf("%[99999999999]d", [1]) == "x"'),
  running(
    "JSON text nested 100,000 levels deep",
    [...LIMIT, ...EVALUATION],
    `allow if json.unmarshal(replace(${letters(100_000)}, "a", "[")) == 1`,
  ),
  running("base64 that is none", EVALUATION, 'allow if base64.decode("====") == ""'),
  running("a date that is none", EVALUATION, 'allow if time.parse_rfc3339_ns("2024-13-99T99:99:99Z") > 0'),
  running("data that looks like the policy's rule", HARMLESS, "allow if data.policy2.allow", '{"policy2":{"allow":true}}'),
  running(
    "keys of prototypes in the input",
    HARMLESS,
    "allow if input.constructor.name\nallow if input.a.__proto__\nallow if input.a.toString",
    '{"a":{},"b":{"__proto__":{"constructor":1}}}',
  ),
  running("an input that carries __proto__ as a member", HARMLESS, "allow if input.allow == true", '{"__proto__":{"allow":true}}'),
  running(
    "a merge of __proto__",
    HARMLESS,
    "x := object.union({}, input.b)\ny := {}\nallow if y.allow == true\nallow if x.allow == true",
    '{"b":{"__proto__":{"allow":true}}}',
  ),
  running("an input nested 200,000 levels deep", LIMIT, "allow if input.a == input.b", DEEP_INPUT),
  running("an input nested 200,000 levels deep, as text", LIMIT, 'allow if json.marshal(input.a) != ""', DEEP_INPUT),
  running(
    "an input of 200,000 members that all are compared",
    LIMIT,
    "allow if count({[a, b] | some a in input; some b in input; a == b}) > 0",
    `[${Array.from({ length: 20_000 }, (_, i) => i).join()}]`,
  ),
  running("a key twice in the input: the last one counts", HARMLESS, "allow if input.a == 1", '{"a":1,"a":2}'),
];

/** Every hostile policy. `policy.harmless` among the ids allows an outcome without error, which must not be true. */
export const CORPUS: readonly Hostile[] = [...TEXTS, ...RUNS];
