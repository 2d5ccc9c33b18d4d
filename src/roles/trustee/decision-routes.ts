import { z } from "zod";
import { KBS_PREFIX, parseDecisionName } from "../../protocol/index.ts";
import { CaiError } from "../../system/index.ts";
import { NO_BODY, type Route, restOf } from "./route.ts";
import { type DecisionQuery, type DecisionRecord, ROOT_REALM, type Store } from "./store/index.ts";

const MAX_LISTED = 1000;
const DEFAULT_LISTED = 100;

const whole = z
  .string()
  .regex(/^\d{1,15}$/, "expected a whole number")
  .transform(Number);
const listQuery = z.object({
  kind: z.enum(["attest", "release", "appraise", "admin"]).optional(),
  outcome: z.enum(["allowed", "denied"]).optional(),
  since: whole.optional(),
  until: whole.optional(),
  before: whole.optional(),
  limit: whole.pipe(z.int().min(1).max(MAX_LISTED)).default(DEFAULT_LISTED),
});

/**
 * Decision records, for administrators of their realm (security.md I27): a list, newest first, without details; and one record by its number or
 * its public id, with that of the attestation which its token came from, where the caller may read it. The root realm covers every path, so its
 * administrators read all.
 */
export function decisionRoutes({ decisions }: Store): Route[] {
  const list = `${KBS_PREFIX}/cai/decisions`;
  const one = `${list}/*`;
  const read = { method: "GET", right: "decision.read", bodyLimit: NO_BODY, place: "admin", signed: true } as const;
  return [
    {
      ...read,
      path: list,
      about: { summary: "Lists decision records, newest first", response: "application/json", query: listQuery },
      async handle({ query, realm }) {
        const found = await decisions.list({ ...readQuery(query), ...(realm !== ROOT_REALM && { realm }) });
        const last = found.at(-1);
        const isFull = found.length === readQuery(query).limit;
        return { body: JSON.stringify({ decisions: found, ...(isFull && last && last.number > 1 && { next: last.number }) }) };
      },
    },
    {
      ...read,
      path: one,
      about: {
        summary: "One decision record with everything that explains it",
        response: "application/json",
        rest: "its number or public id",
      },
      async handle({ path, realm }) {
        const text = restOf(path, one);
        const name = parseDecisionName(text);
        const decision = name && (await decisions.get(name));
        // Whether there is such a record in another realm is that realm's business.
        if (decision === undefined || !isOf(decision, realm)) {
          throw new CaiError("kbs.decision-missing", `there is no decision ${JSON.stringify(text.slice(0, 64))}`);
        }
        const id = attestationOf(decision);
        const found = id === undefined ? undefined : await decisions.get({ id });
        // It says by which of its own realm's policies and reference values the evidence was graded.
        const attestation = found !== undefined && isOf(found, realm) ? { attestation: found } : {};
        return { body: JSON.stringify({ decision, ...attestation }) };
      },
    },
  ];
}

function readQuery(query: URLSearchParams): DecisionQuery {
  const result = listQuery.safeParse(Object.fromEntries(query));
  if (result.success) {
    // Members that are not given are not there at all.
    return Object.fromEntries(Object.entries(result.data).filter(([, value]) => value !== undefined)) as unknown as DecisionQuery;
  }
  const issue = result.error.issues[0];
  throw new CaiError("kbs.message-malformed", `/${issue?.path.join("/") ?? ""}: ${issue?.message ?? "another value"}`);
}

function isOf({ realm = ROOT_REALM }: DecisionRecord, asked: string): boolean {
  return asked === ROOT_REALM || realm === asked;
}

/** The public id of the decision that the token of a release came from. */
function attestationOf({ detail }: DecisionRecord): string | undefined {
  const attestation = detail?.["attestation"] as { readonly decision?: unknown } | undefined;
  return typeof attestation?.decision === "string" ? attestation.decision : undefined;
}
