import type { Position } from "../rego/index.ts";
import type { Literal, Module, Term } from "../rego/syntax.ts";
import { type Finding, finding } from "./finding.ts";
import { eachBody, eachTerm, eachTermOf, eachTermOfRule } from "./walk.ts";

/** The claims that hold a log: upstream's, and the events that ours proves (docs/claims.md). */
const LOGS: ReadonlySet<unknown> = new Set(["uefi_event_logs", "runtime_events"]);
/** The members by which an application's event is told apart (trustee.md §6.0); firmware's events have none of them. */
const EVENT_MEMBERS = new Set(["domain", "operation", "content"]);

/**
 * Tests that some event of an application is in the log (security.md §3.5, I22): they also hold for a guest that recorded another,
 * hostile one beside it. What is collected into a set and compared as a whole is not flagged.
 */
export function eventPresence(module: Module): Finding[] {
  const logs = namesOf(module, (term) => mentionsLog(term) && term.kind !== "comprehension", new Set());
  const sets = collections(module, logs);
  return module.rules.flatMap((rule) => {
    const found: Finding[] = [];
    eachBody(rule, (body, collects) => {
      const [place] = body.map((literal) => iteratesLog(literal, logs)).filter((at) => at !== undefined);
      if (place !== undefined && !collects && readsEvents(body)) found.push(atPresence(place));
      for (const literal of body) {
        eachTermOf(literal, (term) => {
          if (term.kind !== "call" || term.name !== "internal.member_2") return;
          const [, collection] = term.args;
          if (collection?.kind === "variable" && sets.has(collection.name)) found.push(atPresence(term.at));
        });
      }
    });
    return found;
  });
}

function atPresence(at: Position): Finding {
  const message = "this holds as soon as one event is there, whatever else was recorded: a hostile event may stand beside it";
  return finding("warning", "lint.event-presence", at, message, "collect the events into a set and compare the set: roots == {…}");
}

function mentionsLog(term: Term): boolean {
  let found = false;
  eachTerm(term, (one) => {
    found ||= one.kind === "value" && LOGS.has(one.value);
  });
  return found;
}

/** The rules and variables of a module whose value is one that `holds` says yes to, or a name of such a one. */
function namesOf(module: Module, holds: (term: Term) => boolean, known: ReadonlySet<string>): ReadonlySet<string> {
  const names = new Set(known);
  const take = (name: string, value: Term | undefined) => {
    if (value !== undefined && (holds(value) || (value.kind === "variable" && names.has(value.name)))) names.add(name);
  };
  for (const rule of module.rules) {
    for (const branch of rule.branches) take(rule.name, branch.value);
    eachBody(rule, (body) => {
      for (const literal of body) if (literal.kind === "assign" && literal.left.kind === "variable") take(literal.left.name, literal.right);
    });
  }
  return names;
}

/** The names of sets and arrays that are collected from application events. */
function collections(module: Module, logs: ReadonlySet<string>): ReadonlySet<string> {
  const collects = (body: readonly Literal[]) => body.some((literal) => iteratesLog(literal, logs) !== undefined) && readsEvents(body);
  const names = namesOf(module, (term) => term.kind === "comprehension" && collects(term.body), new Set());
  const rules = module.rules.filter(({ element, branches }) => element !== undefined && branches.some(({ body }) => collects(body)));
  return new Set([...names, ...rules.map(({ name }) => name)]);
}

/** @returns where a statement goes through the events of a log one by one */
function iteratesLog(literal: Literal, logs: ReadonlySet<string>): Position | undefined {
  const isLog = (term: Term) => (term.kind === "variable" ? logs.has(term.name) : term.kind === "ref" && mentionsLog(term));
  if (literal.kind === "some-in" && isLog(literal.domain)) return literal.at;
  let found: Position | undefined;
  if (literal.kind === "every") return undefined;
  const visit = (term: Term): void => {
    if (term.kind !== "ref") return;
    const at = term.path.findIndex((step) => step.kind === "value" && LOGS.has(step.value));
    const isAlias = term.head.kind === "variable" && logs.has(term.head.name);
    const rest = at >= 0 ? term.path.slice(at + 1) : isAlias ? term.path : [];
    if (rest[0]?.kind === "variable") found ??= term.at;
  };
  if (literal.kind === "expression") eachTerm(literal.term, visit);
  if (literal.kind === "assign" || literal.kind === "unify")
    for (const side of [literal.left, literal.right]) if (side.kind !== "comprehension") eachTerm(side, visit);
  return found;
}

function readsEvents(body: readonly Literal[]): boolean {
  let found = false;
  for (const literal of body) {
    eachTermOf(literal, (term) => {
      found ||= term.kind === "value" && typeof term.value === "string" && EVENT_MEMBERS.has(term.value);
    });
  }
  return found;
}

/** @returns the text of every string that a module's rules mention */
export function stringsOf(module: Module): ReadonlySet<string> {
  const strings = new Set<string>();
  for (const rule of module.rules) {
    eachTermOfRule(rule, (term) => {
      if (term.kind === "value" && typeof term.value === "string") strings.add(term.value);
    });
  }
  return strings;
}
