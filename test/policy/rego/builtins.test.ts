import { expect, test } from "bun:test";
import { compilePolicy, parsePolicyJson } from "../../../src/policy/index.ts";
import { CaiError } from "../../../src/system/index.ts";

/** Terms that have to be equal, as the language itself compares them. */
const EQUAL: readonly (readonly [string, string])[] = [
  ["count({1, 2})", "2"],
  ['count("né😀")', "3"],
  ["sum([1, 2.5])", "3.5"],
  ["product({2, 3})", "6"],
  ["max([2, 10, 3])", "10"],
  ["min({2, 10, 3})", "2"],
  ["sort({3, 1, 2})", "[1, 2, 3]"],
  ["array.concat([1], [2])", "[1, 2]"],
  ["array.slice([1, 2, 3], 1, 9)", "[2, 3]"],
  ["array.slice([1, 2, 3], 2, 1)", "[]"],
  ["array.reverse([1, 2])", "[2, 1]"],
  ["{1, 2} | {3}", "{1, 2, 3}"],
  ["{1, 2} & {2}", "{2}"],
  ["{1, 2} - {2}", "{1}"],
  ["union({{1}, {2}})", "{1, 2}"],
  ["intersection({{1, 2}, {2}})", "{2}"],
  ["1 in {1}", "true"],
  ["(0, 5 in [5])", "true"],
  ['("a", 5 in {"a": 6})', "false"],
  ['concat(",", ["a", "b"])', '"a,b"'],
  ['startswith("abc", "ab")', "true"],
  ['endswith("abc", "ab")', "false"],
  ['contains("abc", "bc")', "true"],
  ['lower("ÄB")', '"äb"'],
  ['upper("äb")', '"ÄB"'],
  ['trim("xxaxx", "x")', '"a"'],
  ['trim_left("xxaxx", "x")', '"axx"'],
  ['trim_right("xxaxx", "x")', '"xxa"'],
  ['trim_prefix("abc", "a")', '"bc"'],
  ['trim_suffix("abc", "bc")', '"a"'],
  ['trim_space(" \\t a\\n")', '"a"'],
  ['split("a,b,", ",")', '["a", "b", ""]'],
  ['split("é😀", "")', '["é", "😀"]'],
  ['replace("aXbX", "X", "$&")', '"a$&b$&"'],
  ['strings.replace_n({"a": "b", "b": "a"}, "ab")', '"ba"'],
  ['indexof("é😀x", "x")', "2"],
  ['indexof("a", "z")', "-1"],
  ['indexof_n("😀x😀x", "x")', "[1, 3]"],
  ['substring("a😀bc", 1, 2)', '"😀b"'],
  ['substring("abc", 1, -1)', '"bc"'],
  ['strings.reverse("a😀")', '"😀a"'],
  ['strings.count("aXaX", "X")', "2"],
  ['strings.any_prefix_match(["abc"], {"x", "ab"})', "true"],
  ["format_int(-10, 16)", '"-a"'],
  ['to_number("1e2")', "100"],
  ["to_number(true)", "1"],
  [
    'sprintf("%s %d %v %.2f %x %5d|%-3s|%05d", ["a", 1, {"b": [true]}, 1.005, 255, 7, "z", -42])',
    '"a 1 {\\"b\\": [true]} 1.00 ff     7|z  |-0042"',
  ],
  ['sprintf("%d", ["a"])', '"%!d(string=\\"a\\")"'],
  ['sprintf("%d %d", [1])', '"1 %!d(MISSING)"'],
  ['regex.match("^a.c$", "abc")', "true"],
  ['regex.is_valid("(")', "false"],
  ['regex.split("[0-9]+", "a1b22c")', '["a", "b", "c"]'],
  ['regex.find_n("a.", "abaca", 1)', '["ab"]'],
  ['regex.find_all_string_submatch_n("(a)(.)", "abac", -1)', '[["ab", "a", "b"], ["ac", "a", "c"]]'],
  ['regex.replace("abc", "(?P<x>b)", "<\u0024{x}$1>")', '"a<bb>c"'],
  ['glob.match("*.example.com", [], "api.example.com")', "true"],
  ['glob.match("*.example.com", ["."], "a.b.example.com")', "false"],
  ['glob.match("/a/**", ["/"], "/a/b/c")', "true"],
  ['glob.match("{x,y}[!0-9]?", null, "ya.")', "true"],
  ['glob.quote_meta("*.a")', '"\\\\*.a"'],
  ['object.get({"a": {"b": 1}}, ["a", "b"], 0)', "1"],
  ['object.get({}, "a", 0)', "0"],
  ['object.keys({"a": 1, 2: 3})', '{"a", 2}'],
  ['object.union({"a": {"b": 1}}, {"a": {"c": 2}})', '{"a": {"b": 1, "c": 2}}'],
  ['object.union_n([{"a": 1}, {"a": 2}])', '{"a": 2}'],
  ['object.remove({"a": 1, "b": 2}, {"a"})', '{"b": 2}'],
  ['object.filter({"a": 1, "b": 2}, ["a"])', '{"a": 1}'],
  ['object.subset({"a": {"b": 1, "c": 2}}, {"a": {"b": 1}})', "true"],
  ['json.remove({"a": {"b": 1, "c": 2}}, ["a/b"])', '{"a": {"c": 2}}'],
  ['json.filter({"a": {"b": 1, "c": 2}}, ["a/b"])', '{"a": {"b": 1}}'],
  ['json.filter({"a": [1, 2]}, ["a/1"])', '{"a": [2]}'],
  ['count(json.filter({"a": {{"c": 7}, {"c": 8}}}, ["a/b"]).a)', "0"],
  ['json.marshal({"b": 1, "a": [null, {1}]})', '"{\\"a\\":[null,[1]],\\"b\\":1}"'],
  ['json.unmarshal("{\\"a\\": [1, 2.5]}")', '{"a": [1, 2.5]}'],
  ['json.is_valid("{")', "false"],
  ['base64.encode("é?")', '"w6k/"'],
  ['base64.decode("w6k/")', '"é?"'],
  ['base64url.encode("é?")', '"w6k_"'],
  ['base64url.encode_no_pad("a")', '"YQ"'],
  ['base64url.decode("YQ")', '"a"'],
  ['hex.encode("é")', '"c3a9"'],
  ['hex.decode("C3a9")', '"é"'],
  ['urlquery.encode("a b&é")', '"a+b%26%C3%A9"'],
  ['urlquery.decode("a+b%26")', '"a b&"'],
  ['urlquery.decode_object("a=1&a=2&b=")', '{"a": ["1", "2"], "b": [""]}'],
  ["abs(-3)", "3"],
  ["[ceil(1.2), floor(-1.2), round(2.5), round(-2.5)]", "[2, -2, 3, -3]"],
  ["numbers.range(3, 1)", "[3, 2, 1]"],
  ["numbers.range_step(1, 6, 2)", "[1, 3, 5]"],
  [
    "[bits.and(6, 3), bits.or(6, 3), bits.xor(6, 3), bits.negate(0), bits.lsh(1, 70), bits.rsh(256, 4)]",
    "[2, 7, 5, -1, 1180591620717411303424, 16]",
  ],
  ["[type_name(null), type_name(set()), is_object({}), is_array({})]", '["null", "set", true, false]'],
  ["[cast_set([1, 1]), cast_array({1})]", "[{1}, [1]]"],
  ['[semver.compare("1.0.0-rc.2", "1.0.0-rc.10"), semver.is_valid("1.0")]', "[-1, false]"],
  ['semver.compare("1.0.0", "1.0.0-rc.1")', "1"],
  ['time.parse_rfc3339_ns("2017-06-02T19:00:00.5-07:00")', "1496455200500000000"],
  ['time.parse_duration_ns("1h1.5s")', "3601500000000"],
  ["[time.date(0), time.clock(3661000000000), time.weekday(0)]", '[[1970, 1, 1], [1, 1, 1], "Thursday"]'],
  ["time.add_date(0, 1, 1, 1)", "34300800000000000"],
  ['net.cidr_contains("10.0.0.0/8", "10.1.2.3")', "true"],
  ['net.cidr_contains("2001:db8::/32", "2001:db8:ffff::/48")', "true"],
  ['net.cidr_contains("10.0.0.0/8", "::a00:1")', "false"],
  ['net.cidr_intersects("10.0.0.0/24", "10.0.0.128/25")', "true"],
  ['[net.cidr_is_valid("10.0.0.0/33"), net.cidr_is_valid("::ffff:1.2.3.4/96"), net.cidr_is_valid("1:2/3")]', "[false, true, false]"],
  ['net.cidr_expand("2001:db8::/127")', '{"2001:db8::", "2001:db8::1"}'],
  ['net.cidr_merge(["10.0.0.0/25", "10.0.0.128/25", "10.0.1.0", "::/1", "8000::/1"])', '{"10.0.0.0/8", "::/0"}'],
  ['net.cidr_contains_matches({"a": "10.0.0.0/8"}, {["10.0.0.1", 7]})', '{["a", ["10.0.0.1", 7]]}'],
  ['graph.reachable_paths({"a": ["b"], "b": ["c"], "c": []}, ["a", "c"])', '{["a", "b", "c"], ["c"]}'],
  ['json.marshal_with_options({"b": [1], "a": {}}, {"indent": " "})', '"{\\n \\"a\\": {},\\n \\"b\\": [\\n  1\\n ]\\n}"'],
  [
    'json.patch({"a": {"b": [1, 2]}}, [{"op": "add", "path": "/a/b/1", "value": 9}, {"op": "move", "from": "/a/b/0", "path": "/c"}])',
    '{"a": {"b": [9, 2]}, "c": 1}',
  ],
  [
    'json.patch({"a": 1}, [{"op": "copy", "from": "/a", "path": "/b~1c"}, {"op": "test", "path": "/b~1c", "value": 1}])',
    '{"a": 1, "b/c": 1}',
  ],
  ['json.patch([1], [{"op": "add", "path": "/-", "value": 2}, {"op": "replace", "path": "/0", "value": 0}])', "[0, 2]"],
  [
    '[units.parse("1.5Gi"), units.parse("100m"), units.parse("1e3K"), units.parse_bytes("10MiB"), units.parse_bytes("1.5kb")]',
    "[1610612736, 0.1, 1000000, 10485760, 1500]",
  ],
  ['uuid.parse("{6BA7B810-9DAD-11D1-80B4-00C04FD430C8}").nodeid', '"00-c0-4f-d4-30-c8"'],
  ['uuid.parse("6ba7b810-9dad-11d1-80b4-00c04fd430c8").time', "886630433151182400"],
  ['regex.globs_match("a[0-9]+b*", "a.c+")', "false"],
  ['regex.globs_match("a[0-9]+b*", "a.+b")', "true"],
  ['regex.globs_match("[^a-c]", "[b-d]")', "true"],
  ['regex.globs_match("[^a-d]", "[b-d]")', "false"],
  ['regex.template_match("urn:foo:{.*}", "urn:foo:bar:baz", "{", "}")', "true"],
  ['regex.template_match("a.c<[0-9]+>", "abc1", "<", ">")', "false"],
  ['re_match("b", "abc")', "true"],
  ['time.date([1700000000000000000, "Pacific/Auckland"])', "[2023, 11, 15]"],
  ['time.clock([1700000000000000000, "Asia/Kolkata"])', "[3, 43, 20]"],
  ['time.weekday([1700000000000000000, "Pacific/Auckland"])', '"Wednesday"'],
  ["time.format(1700000000123000000)", '"2023-11-14T22:13:20.123Z"'],
  [
    'time.format([1700000000000000000, "America/New_York", "Mon Jan _2 3:04PM 06 -0700 MST (002)"])',
    '"Tue Nov 14 5:13PM 23 -0500 EST (318)"',
  ],
  ['time.format([0, "", "RFC850"])', '"Thursday, 01-Jan-70 00:00:00 UTC"'],
  ['time.parse_ns("RFC1123Z", "Tue, 14 Nov 2023 22:13:20 +0100")', "1699996400000000000"],
  ['time.parse_ns("Jan 2, 2006 at 3:04pm (MST)", "Feb 3, 2013 at 7:54pm (PST)")', "1359921240000000000"],
  ['time.parse_ns("2006-01-02 15:04:05", "2023-11-14 22:13:20.5")', "1700000000500000000"],
  // The clocks of New York go forward on 12 March 2023.
  ['time.add_date([1678593600000000000, "America/New_York"], 0, 0, 1)', "1678676400000000000"],
  ['time.diff([1582934400000000000, "UTC"], [1614556800000000000, "UTC"])', "[1, 0, 1, 0, 0, 0]"],
  ["[1 | print(input.missing, 2)]", "[1]"],
  ["time.now_ns()", "1700000000000000000"],
  ['graph.reachable({"a": ["b"], "b": ["a"], "c": []}, {"a"})', '{"a", "b"}'],
  ['crypto.sha256("a")', '"ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"'],
  ['crypto.sha1("a")', '"86f7e437faa5a7fce15d1ddcb9eaeaea377667b8"'],
  ['crypto.md5("a")', '"0cc175b9c0f1b6a831c399e269772661"'],
  ['crypto.hmac.sha256("what do ya want for nothing?", "Jefe")', '"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"'],
  ['crypto.hmac.equal("a", "a")', "true"],
  ["[p | walk({1: [2]}, [p, 2])]", "[[1, 0]]"],
  ['$"a{1 + 1}{input.missing}\\{"', '"a2<undefined>{"'],
];

test.each(EQUAL)("%s is %s", (term, value) => {
  const policy = compilePolicy(`package t\nx := ${term}\nwanted := ${value}\nholds if x == wanted`);
  const [holds, got, wanted] = policy.evaluateEach(["data.t.holds", "data.t.x", "data.t.wanted"], { now: 1_700_000_000 });
  if (holds !== true) expect(got).toEqual(wanted);
  expect(holds).toBe(true);
});

const repeated = (text: string, times: number) => `concat("", [c | some i in numbers.range(1, ${times}); c := ${JSON.stringify(text)}])`;

test.each([
  ["a layout of many fractions", `time.parse_ns(${repeated(".999", 60)}, ${repeated(".1", 80)})`, "policy.eval-error"],
  ["a layout of many days", `time.parse_ns(${repeated("_2", 100)}, ${repeated("1", 255)})`, "policy.eval-error"],
  ["braces that never close", `regex.template_match(${repeated("{", 100_000)}, "a", "{", "}")`, "policy.eval-error"],
  ["all addresses of a protocol", 'net.cidr_expand("::/0")', "policy.limit-exceeded"],
  [
    "all paths of a dense graph",
    "graph.reachable_paths({a: numbers.range(1, 30) | some a in numbers.range(1, 30)}, {1})",
    "policy.limit-exceeded",
  ],
  ["a wide indent", `json.marshal_with_options([[[[[[1]]]]]], {"indent": ${repeated("  ", 1_000_000)}})`, "policy.limit-exceeded"],
  [
    "many patches of a long array",
    'json.patch(numbers.range(1, 1000), [p | some i in numbers.range(1, 20000); p := {"op": "add", "path": "/0", "value": i}])',
    "policy.limit-exceeded",
  ],
])("%s end with an error", (_, term, id) => {
  try {
    compilePolicy(`package t\nx := ${term}`).evaluate("data.t.x");
    expect("no error").toBe(id);
  } catch (error) {
    expect(CaiError.from(error).id as string).toBe(id);
  }
});

test("integers beyond 2^53 are exact in the JSON text of answers", () => {
  const policy = compilePolicy('package t\nx := {input.big + 1: {9007199254740993}, "a": 1e3}');
  const input = parsePolicyJson('{"big": 9007199254740992}');
  expect(policy.queryJson("y := data.t.x", { input })).toBe('[{"y":{"9007199254740993":[9007199254740993],"a":1000}}]');
  expect(policy.queryJson("false")).toBe("[]");
});

test.each(["", "{", "[1e999]", "[".repeat(200_000)])("text that is no JSON is no input", (text) => {
  try {
    parsePolicyJson(text);
    expect("no error").toBe("an error");
  } catch (error) {
    expect(["policy.input-invalid", "policy.limit-exceeded"]).toContain(CaiError.from(error).id);
  }
});
