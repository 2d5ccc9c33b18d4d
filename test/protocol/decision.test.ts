import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  boundDetail,
  type DecisionDetail,
  type DecisionStatement,
  MAX_DECISION_DETAIL,
  parseDecision,
  parseDecisionList,
  parseDecisionName,
} from "../../src/protocol/index.ts";
import { rejection } from "../rejection.ts";

const bytes = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
const record = { number: 7, id: "abcdefghijklmnop", time: 1, kind: "release", outcome: "denied", error: "kbs.policy-denied" };

describe("the name of a decision", () => {
  test("is its number or its public id", () => {
    expect(parseDecisionName("41")).toEqual({ number: 41 });
    expect(parseDecisionName("lwhqt72rzz5ejn2a")).toEqual({ id: "lwhqt72rzz5ejn2a" });
  });

  test("is nothing else", () => {
    for (const text of [
      "",
      "0",
      "01",
      "-1",
      "1.5",
      "1e3",
      "9007199254740993",
      "LWHQT72RZZ5EJN2A",
      "lwhqt72rzz5ejn2",
      "policy.rego",
      "../1",
    ]) {
      expect(parseDecisionName(text)).toBeUndefined();
    }
  });
});

const statement = fc.letrec<{ one: DecisionStatement }>((tie) => ({
  one: fc.record(
    {
      kind: fc.constantFrom("rule", "clause", "statement"),
      holds: fc.boolean(),
      line: fc.integer({ min: 1, max: 999 }),
      text: fc.string(),
      values: fc.array(fc.record({ term: fc.string(), value: fc.string() }), { maxLength: 2 }),
      because: fc.array(tie("one"), { maxLength: 2, depthIdentifier: "because" }),
    },
    { requiredKeys: ["kind", "holds", "line", "text"] },
  ),
})).one;
const detail = fc.record(
  {
    v: fc.constant(1 as const),
    claims: fc.array(fc.record({ name: fc.string(), value: fc.oneof(fc.string(), fc.integer(), fc.boolean()) })),
    explanations: fc.array(
      fc.record({
        policy: fc.constantFrom("attestation" as const, "resource" as const),
        query: fc.string(),
        outcome: fc.constantFrom("true" as const, "value" as const),
        statements: fc.array(statement, { maxLength: 2 }),
      }),
      { maxLength: 2 },
    ),
    switches: fc.array(fc.string()),
  },
  { requiredKeys: ["v"] },
);

describe("a record as a trustee shows it", () => {
  test("reads back as it was written", () => {
    fc.assert(
      fc.property(detail, (detail) => {
        const plain = JSON.parse(JSON.stringify({ ...record, detail })) as unknown;
        expect<unknown>(JSON.parse(JSON.stringify(parseDecision(bytes({ decision: plain })).decision))).toEqual(plain);
      }),
    );
  });

  test("may have members that this version does not know", () => {
    const later = { ...record, colour: "red", detail: { v: 1, colours: ["red"] } };
    expect(parseDecisionList(bytes({ decisions: [later], next: 3 }))).toEqual({
      decisions: [{ ...record, detail: { v: 1 } }],
      next: 3,
    } as never);
  });

  test("of another form is refused", () => {
    for (const other of [{}, { decision: { ...record, kind: "other" } }, { decision: { ...record, detail: { v: 2 } } }, [], 1]) {
      expect(rejection(() => parseDecision(bytes(other))).id).toBe("kbs.message-malformed");
    }
  });
});

describe("the detail of a record", () => {
  test("stays as it is where it fits", () => {
    fc.assert(fc.property(detail, (detail) => expect<unknown>(boundDetail(detail as DecisionDetail)).toEqual(detail)));
  });

  test("loses whole parts where it is too large, and names them", () => {
    const long = (count: number) => Array.from({ length: count }, (_, i) => ({ name: `${i}`.padEnd(200, "x") }));
    const whole = {
      v: 1,
      binding: "tagged",
      claims: long(300),
      explanations: [
        { policy: "resource", query: "q", outcome: "true", statements: [{ kind: "rule", holds: true, line: 1, text: "x".repeat(70_000) }] },
      ],
    } as const;
    expect(boundDetail({ ...whole, claims: long(1) })).toEqual({ v: 1, binding: "tagged", claims: long(1), cut: ["explanations"] });
    const bounded = boundDetail({ ...whole, claims: long(400) });
    expect(bounded).toEqual({ v: 1, binding: "tagged", cut: ["explanations", "claims"] });
    expect(Buffer.byteLength(JSON.stringify(bounded))).toBeLessThanOrEqual(MAX_DECISION_DETAIL);
  });
});
