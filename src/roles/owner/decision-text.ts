import { type Explanation, formatExplanation, policyHash, type Reason, type ReasonStyle, templates, tierOf } from "../../policy/index.ts";
import type { DecisionDetail, DecisionExplanation, DecisionStatement, ShownDecision } from "../../protocol/index.ts";
import { printable } from "../../system/index.ts";
import type { Colours } from "./colours.ts";
import { aboutText, levelText, timeOf } from "./decisions.ts";
import { memberRows, type Section, valueText } from "./report.ts";

type Detail = DecisionDetail;

/** The columns of a record, and what its detail says, but for the statements that decided. */
export function decisionSections(decision: ShownDecision, attestation: ShownDecision | undefined): Section[] {
  const { detail } = decision;
  return [
    { title: `Decision ${decision.number}, ${decision.id}`, rows: factRows(decision, attestation) },
    { title: "Grades", rows: gradeRows(detail), after: floorLines(detail) },
    { title: "Policies", rows: policyRows(detail) },
    { title: "Collateral", rows: Object.entries(detail?.collateral ?? {}).flatMap(([name, members]) => memberRows(members, name)) },
    { title: "Claims that the policies read", rows: claimRows(detail), after: moreClaims(detail) },
    { title: "Reference values that were asked for", rows: referenceRows(detail) },
    { title: "Changed", rows: memberRows(detail?.change ?? {}) },
    { title: "Denials without a record", rows: Object.entries(detail?.suppressed ?? {}).map(([id, count]) => [id, String(count)]) },
    { title: "The client says, and nothing proves", rows: Object.entries(detail?.unverified ?? {}) },
  ];
}

function factRows(decision: ShownDecision, attestation: ShownDecision | undefined): string[][] {
  const { detail } = decision;
  const facts: Readonly<Record<string, string | undefined>> = {
    what: aboutText(decision),
    outcome: decision.error === undefined ? decision.outcome : `${decision.outcome}, ${decision.error}`,
    reason: detail?.reason?.message,
    expected: detail?.reason?.expected,
    got: detail?.reason?.got,
    time: timeOf(decision),
    client: clientText(decision, attestation),
    administrator: detail?.administrator && [detail.administrator.name, detail.administrator.role].filter(Boolean).join(", role "),
    realm: decision.realm,
    level: levelText(decision),
    binding: detail?.binding,
    freshness: detail?.fresh,
    protocol: detail?.protocol,
    "sha256 of what was judged": decision.digest,
    attestation: detail?.attestation && attestationText(detail.attestation, attestation),
    switches: detail?.switches?.join(", "),
    request: detail?.request,
    "left out": detail?.cut?.join(", "),
  };
  return Object.entries(facts).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]));
}

/** Another address than that of the attestation may be that of a thief of the token (security.md I20). */
function clientText({ client, detail }: ShownDecision, attestation: ShownDecision | undefined): string | undefined {
  const before = attestation?.client ?? detail?.attestation?.client;
  return client === undefined || before === undefined || before === client ? client : `${client}, but the attestation came from ${before}`;
}

function attestationText({ decision, client }: NonNullable<Detail["attestation"]>, attestation: ShownDecision | undefined): string {
  const name = attestation === undefined ? decision : `decision ${attestation.number}, ${decision}`;
  const from = attestation?.client ?? client;
  return from === undefined ? name : `${name}, from ${from}`;
}

function gradeRows(detail: Detail | undefined): string[][] {
  return Object.entries(detail?.submods ?? {}).map(([name, { status, vector }]) => [name, status, vectorText(vector)]);
}

/** @returns `configuration 2, executables 33` */
export function vectorText(vector: Readonly<Record<string, number>>): string {
  return Object.entries(vector)
    .map(([claim, value]) => `${claim} ${value}`)
    .join(", ");
}

function floorLines(detail: Detail | undefined): string[] {
  return (detail?.floor ?? []).map((id) => `below the floor: ${id}`);
}

function policyRows(detail: Detail | undefined): string[][] {
  return (detail?.policies ?? []).map(({ kind, id, sha384, realm }) => [
    `${kind} policy ${id}`,
    templateOf(sha384) ?? "",
    `sha384 ${sha384}`,
    realm === undefined ? "" : `realm ${realm}`,
  ]);
}

/** @returns the template that a policy is, as `template affirming`; undefined where it is none */
export function templateOf(sha384: string): string | undefined {
  const found = Object.entries(templates).find(([, text]) => policyHash(text) === sha384);
  return found && `template ${found[0]}`;
}

function claimRows(detail: Detail | undefined): string[][] {
  return (detail?.claims ?? []).map(({ name, value, withheld }) => [
    name,
    withheld ? "(not kept)" : value === undefined ? "(absent)" : valueText(value),
  ]);
}

function moreClaims(detail: Detail | undefined): string[] {
  return detail?.more_claims === undefined ? [] : [`and ${detail.more_claims} more`];
}

const STATES = { matched: "matched", differs: "differs", absent: "absent: there is no such reference value", read: "read" } as const;

function referenceRows(detail: Detail | undefined): string[][] {
  return (detail?.references ?? []).map(({ name, state, got, expires }) => [
    name,
    STATES[state],
    got === undefined ? "" : `got ${valueText(got)}`,
    expires === undefined ? "" : `until ${timeOf({ time: expires })}`,
  ]);
}

/**
 * Writes the statements that decided, as `cai policy explain` of files does; places are named by the kind of policy.
 *
 * @param brief  of the clauses of a rule that failed, only the one that came furthest is written out
 */
export function explanationText(explanation: DecisionExplanation, colours: Colours, brief = false): string {
  const { policy, submodule, query, outcome, value, statements, truncated } = explanation;
  const styles: { readonly [style in ReasonStyle]: (text: string) => string } = {
    holds: colours.good,
    fails: colours.bad,
    aside: colours.faint,
  };
  const isBad = typeof value === "number" && policy === "attestation" && !["none", "affirming"].includes(tierOf(value));
  const reasons = (brief ? statements.map(furthest) : statements).map((one) =>
    reasonOf(one, submodule === undefined ? policy : `${policy} of ${submodule}`),
  );
  const [first, ...rest] = reasons;
  const shown: Explanation = {
    query: printable(query),
    outcome,
    ...(value !== undefined && { value }),
    // A grade that says no is a value like another to the policy.
    reasons: first === undefined ? [] : [{ ...first, holds: first.holds && !isBad }, ...rest],
    truncated: truncated ?? false,
  };
  return formatExplanation(shown, { paint: (style, text) => styles[style](text) }).trimEnd();
}

/** Clauses for other platforms fail at their first statement, and say nothing of this one. */
function furthest(statement: DecisionStatement): DecisionStatement {
  const { because = [] } = statement;
  const most = Math.max(...because.map(({ passed }) => passed ?? 0));
  return {
    ...statement,
    because: because.map((one) => {
      const isShort = one.kind === "clause" && !one.holds && (one.passed ?? 0) < most;
      return isShort ? { ...one, note: "did not come as far", because: [] } : furthest(one);
    }),
  };
}

function reasonOf({ kind, holds, line, text, values = [], note, passed, because = [] }: DecisionStatement, file: string): Reason {
  return {
    kind,
    holds,
    file,
    line,
    column: 1,
    source: printable(text),
    values: values.map((one) => ({
      term: printable(one.term),
      value: printable(one.value),
      ...(one.note !== undefined && { note: printable(one.note) }),
    })),
    ...(note !== undefined && { note: printable(note) }),
    ...(passed !== undefined && { passed }),
    because: because.map((one) => reasonOf(one, file)),
  };
}
