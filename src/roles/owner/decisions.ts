import {
  type DecisionList,
  type DecisionName,
  parseDecision,
  parseDecisionList,
  parseDecisionName,
  type ShownDecision,
  type SingleDecision,
} from "../../protocol/index.ts";
import { CaiError, type FlagSpec, type JsonObject } from "../../system/index.ts";
import { LEVELS } from "./level.ts";
import type { TrusteeAdmin } from "./trustee-admin.ts";

/** The realm whose records are asked for. */
export const REALM_FLAG = {
  kind: "text",
  value: "REALM",
  about: "only the records of this realm; an administrator of the root realm reads those of all",
  commandLineOnly: true,
} as const satisfies FlagSpec;

/** Which records are wanted; as text, since they travel in a query. */
export type DecisionFilter = Readonly<Partial<Record<"kind" | "outcome" | "realm" | "since" | "until" | "before" | "limit", string>>>;

/** @returns records, newest first, without their details; and the number to ask before for older ones */
export async function listDecisions(admin: TrusteeAdmin, filter: DecisionFilter): Promise<DecisionList> {
  return parseDecisionList(await admin.call({ method: "GET", path: withQuery("cai/decisions", filter) }));
}

/** @returns one record, and that of the attestation which its token came from. @throws CaiError `kbs.decision-missing` */
export async function getDecision(admin: TrusteeAdmin, name: DecisionName, realm: string | undefined): Promise<SingleDecision> {
  const path = `cai/decisions/${"number" in name ? name.number : name.id}`;
  return parseDecision(await admin.call({ method: "GET", path: withQuery(path, realm === undefined ? {} : { realm }) }));
}

/** @throws CaiError `cli.usage` */
export function requireDecisionName(text: string): DecisionName {
  const name = parseDecisionName(text);
  if (name !== undefined) return name;
  throw new CaiError("cli.usage", `${JSON.stringify(text)} names no decision`, {
    expected: "a number, or the 16 characters that a refused machine shows",
    got: text,
  });
}

function withQuery(path: string, members: DecisionFilter): string {
  const query = new URLSearchParams(Object.entries(members).filter(([, value]) => value !== undefined));
  return query.size === 0 ? path : `${path}?${query}`;
}

/** @returns a report as plain JSON: members that are not there are left out */
export function asJson(report: object): JsonObject {
  return JSON.parse(JSON.stringify(report)) as JsonObject;
}

/** @returns when a decision fell, as RFC 3339 in UTC */
export function timeOf({ time }: Pick<ShownDecision, "time">): string {
  return new Date(time * 1000).toISOString().replace(".000Z", "Z");
}

/** @returns the level with its meaning; undefined where the decision fell before there was one */
export function levelText({ level }: Pick<ShownDecision, "level">): string | undefined {
  return level === undefined ? undefined : `${level}: ${Object.hasOwn(LEVELS, level) ? LEVELS[level as keyof typeof LEVELS] : "not known"}`;
}

/** @returns what a decision was about, in words: `release of default/model/demo` */
export function aboutText({ kind, subject, tee }: Pick<ShownDecision, "kind" | "subject" | "tee">): string {
  const of = subject ?? (tee === undefined ? "an unnamed machine" : `a ${tee} machine`);
  switch (kind) {
    case "attest":
      return `attestation of ${of}`;
    case "release":
      return `release of ${of}`;
    case "appraise":
      return `appraisal of ${of}`;
    case "admin":
      return of;
  }
}
