import type { DecisionDetail, DecisionExplanation, ShownDecision, SingleDecision } from "../../protocol/index.ts";
import { CaiError, catalogue, type ErrorId, type JsonValue, printable } from "../../system/index.ts";
import type { Colours } from "./colours.ts";
import { explanationText, templateOf, vectorText } from "./decision-text.ts";
import { aboutText, levelText, timeOf } from "./decisions.ts";
import { listReferences } from "./references.ts";
import { valueText } from "./report.ts";
import type { TrusteeAdmin } from "./trustee-admin.ts";

/** Why a decision came out as it did, and what would change it. */
export interface DecisionReport {
  readonly decision: ShownDecision;
  /** the attestation that the token of a release came from */
  readonly attestation: ShownDecision | undefined;
  /** what an administrator can do about a denial */
  readonly mends: readonly Mend[];
}

interface Mend {
  readonly text: string;
  /** the command that does it */
  readonly command?: string;
}

/**
 * @param world  the trustee's: each world has templates of its own
 * @param references  the reference values in force by name, where the administrator may read them
 */
export function reportOf(
  world: TrusteeAdmin["world"],
  { decision, attestation }: SingleDecision,
  references: Readonly<Record<string, JsonValue>> | undefined,
): DecisionReport {
  const isWell = decision.outcome === "allowed" && gradesAreWell(decision.detail);
  return { decision, attestation, mends: isWell ? [] : mendsOf(world, decision, attestation, references) };
}

/** @returns the reference values in force where a decision's evidence was graded; undefined where this administrator may not read them */
export async function referencesOf(
  admin: TrusteeAdmin,
  { decision }: SingleDecision,
): Promise<Readonly<Record<string, JsonValue>> | undefined> {
  try {
    const kept = await listReferences(admin, gradingRealm(decision));
    return Object.fromEntries(kept.filter(({ expired }) => !expired).map(({ name, value }) => [name, value as JsonValue]));
  } catch (error) {
    if (error instanceof CaiError && error.id === "admin.forbidden") return undefined;
    throw error;
  }
}

/** The realm by whose reference values evidence was graded; undefined for the root's. */
function gradingRealm({ detail }: ShownDecision): string | undefined {
  return detail?.policies?.find(({ kind }) => kind === "attestation")?.realm;
}

/** The report as text: what was asked, how it ended, the statements that decided, and what would mend it. */
export function reportText({ decision, attestation, mends }: DecisionReport, colours: Colours): string {
  const { detail } = decision;
  // Where a release was graded anew, those grades decided; else those that the token came with.
  const graded = detail?.explanations?.some(({ policy }) => policy === "attestation") ? undefined : attestation;
  return [
    headText(decision, colours),
    ...explanationTexts(detail, colours),
    ...(graded === undefined || decision.outcome === "allowed" ? [] : [gradesText(graded), ...explanationTexts(graded.detail, colours)]),
    ...(mends.length === 0 ? [] : [["what would mend it:", ...mends.map(mendText)].join("\n")]),
  ].join("\n\n");
}

function headText(decision: ShownDecision, colours: Colours): string {
  const { detail } = decision;
  const isAllowed = decision.outcome === "allowed";
  const outcome = isAllowed ? colours.good("allowed") : colours.bad("denied");
  const lines = [`decision ${decision.number}, ${decision.id}: ${printable(aboutText(decision))}: ${outcome}`];
  const add = (name: string, value: string | undefined) => {
    if (value !== undefined) lines.push(`  ${name.padEnd(9)} ${printable(value)}`);
  };
  add("time", timeOf(decision));
  add("client", decision.client);
  add("error", decision.error === undefined ? undefined : `${decision.error}: ${causeOf(decision.error)}`);
  // A policy's reason is what the statements below say in full.
  if (decision.error !== "kbs.policy-denied") {
    add("reason", detail?.reason?.message);
    add("expected", detail?.reason?.expected);
    add("got", detail?.reason?.got);
  }
  add("level", levelText(decision));
  for (const { kind, id, sha384, realm } of detail?.policies ?? []) {
    add(
      "policy",
      `${kind} ${id}${realm === undefined ? "" : ` of realm ${realm}`}, ${templateOf(sha384) ?? "your own"}, sha384 ${sha384.slice(0, 16)}…`,
    );
  }
  for (const [name, { status, vector }] of Object.entries(detail?.submods ?? {})) add(name, `${status}: ${vectorText(vector)}`);
  for (const id of detail?.floor ?? []) add("floor", `${id}: ${causeOf(id)}`);
  if (detail?.values_withheld) add("values", "not kept, for the policy read what may be secret");
  return lines.join("\n");
}

function gradesText({ number, id, detail }: ShownDecision): string {
  const grades = Object.entries(detail?.submods ?? {}).map(([name, { status, vector }]) => `${name} is ${status} (${vectorText(vector)})`);
  return printable(`the token came from decision ${number}, ${id}: ${grades.join("; ") || "without grades"}`);
}

/** Of grades, those that say no; where all are well, all. */
function explanationTexts(detail: DecisionDetail | undefined, colours: Colours): string[] {
  const all = detail?.explanations ?? [];
  const failed = all.filter((one) => !isWell(one));
  return (failed.length > 0 ? failed : all).map((one) => explanationText(one, colours, true));
}

function isWell({ policy, value }: DecisionExplanation): boolean {
  return policy === "resource" ? value === true : typeof value !== "number" || (value >= -32 && value <= 31);
}

function gradesAreWell(detail: DecisionDetail | undefined): boolean {
  return Object.values(detail?.submods ?? {}).every(({ status }) => status === "affirming" || status === "none");
}

function mendsOf(
  world: TrusteeAdmin["world"],
  decision: ShownDecision,
  attestation: ShownDecision | undefined,
  references: Readonly<Record<string, JsonValue>> | undefined,
): Mend[] {
  const mends: Mend[] = [];
  const policies = decision.detail?.policies ?? [];
  if (policies.some(({ kind, sha384 }) => kind === "resource" && templateOf(sha384) === "template deny-all")) {
    mends.push({
      text: "the resource policy denies everything; put one in force",
      command: `cai policy set resource --template ${world === "simulated" ? "affirming-simulated" : "affirming"}${inRealm(policies.find(({ kind }) => kind === "resource")?.realm)}`,
    });
  }
  const realm = inRealm(gradingRealm(decision));
  const consulted = [...(decision.detail?.references ?? []), ...(attestation?.detail?.references ?? [])];
  for (const { name, state, got } of new Map(consulted.filter(({ failed }) => failed).map((one) => [one.name, one] as const)).values()) {
    if (got === undefined || got === null)
      mends.push({ text: `${name} is ${state === "absent" ? "no reference value yet" : "another one"}` });
    else
      mends.push({
        text: `if a machine with this ${name} is one that you mean`,
        command: `${setCommand(name, valueText(got), references)}${realm}`,
      });
  }
  if (mends.some(({ command }) => command?.startsWith("cai reference set"))) {
    mends.push({ text: "more may differ: a policy looks at the next value only where the one before is right" });
  }
  const remedy = remedyOf(decision.error);
  if (remedy !== undefined && decision.error !== "kbs.policy-denied") mends.push({ text: remedy });
  return mends;
}

const inRealm = (realm: string | undefined): string => (realm === undefined ? "" : ` --realm ${realm}`);

/** `reference set` replaces, so the values that are there are given again. */
function setCommand(name: string, got: string, references: Readonly<Record<string, JsonValue>> | undefined): string {
  const before = references && Object.hasOwn(references, name) ? references[name] : undefined;
  const kept = Array.isArray(before) ? before.map(valueText) : [];
  return `cai reference set ${name} ${[...kept, got].join(",")}`;
}

function mendText({ text, command }: Mend): string {
  return command === undefined ? `  ${printable(text)}` : `  ${printable(text)}:\n    ${printable(command)}`;
}

const entryOf = (id: string | undefined) => (id !== undefined && Object.hasOwn(catalogue, id) ? catalogue[id as ErrorId] : undefined);
const causeOf = (id: string): string => entryOf(id)?.cause ?? "an error that this version does not know";
const remedyOf = (id: string | undefined): string | undefined => entryOf(id)?.remedy;
