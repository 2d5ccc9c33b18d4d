import type { PeerFamily } from "../../../protocol/index.ts";
import { CaiError, type ErrorId, type Logger } from "../../../system/index.ts";
import { RETRY_AFTER } from "../gate.ts";
import { decisionIdOf } from "../recorder.ts";
import type { Reply } from "../route.ts";

const TYPE_PREFIX = "https://github.com/confidential-containers/attestation-service/errors/";

/** How one kind of error is told: status, the last part of `type`, `code`, `title`, `detail`. */
interface Problem {
  readonly status: number;
  readonly type: string;
  readonly code: string;
  readonly title: string;
  readonly detail: string;
}

const problem = (status: number, type: string, code: string, title: string, detail: string): Problem => ({
  status,
  type,
  code,
  title,
  detail,
});

/** The kinds of the specification (trustee.md §4.1), then those that only this program's administrators' routes and limits have. */
const PROBLEMS = {
  json: problem(
    400,
    "BadRequest",
    "AS.REQUEST.INVALID_JSON",
    "Invalid JSON request",
    "The request body is not JSON of this endpoint's form.",
  ),
  argument: problem(400, "BadRequest", "AS.REQUEST.INVALID_ARGUMENT", "Invalid request argument", "An argument of the request is invalid."),
  tee: problem(
    400,
    "BadRequest",
    "AS.REQUEST.UNSUPPORTED_TEE",
    "Unsupported TEE",
    "This attestation service does not verify the requested TEE.",
  ),
  encoding: problem(400, "BadRequest", "AS.EVIDENCE.INVALID_ENCODING", "Invalid evidence encoding", "A field uses an invalid encoding."),
  format: problem(
    400,
    "BadRequest",
    "AS.EVIDENCE.INVALID_FORMAT",
    "Invalid evidence format",
    "The evidence is not of its platform's form.",
  ),
  quote: problem(
    422,
    "UnprocessableEntity",
    "AS.EVIDENCE.INVALID_QUOTE",
    "Invalid attestation quote",
    "The quote is malformed or unsupported.",
  ),
  verification: problem(
    422,
    "UnprocessableEntity",
    "AS.EVIDENCE.VERIFICATION_FAILED",
    "Evidence verification failed",
    "The evidence could not be verified.",
  ),
  binding: problem(
    422,
    "UnprocessableEntity",
    "AS.EVIDENCE.BINDING_MISMATCH",
    "Evidence binding mismatch",
    "The evidence is not bound to the expected data.",
  ),
  challenge: problem(
    401,
    "Unauthorized",
    "AS.CHALLENGE.INVALID_TOKEN",
    "Invalid challenge token",
    "The challenge token is invalid or has expired.",
  ),
  response: problem(
    502,
    "BadGateway",
    "AS.DEPENDENCY.BAD_RESPONSE",
    "Invalid dependency response",
    "A dependency gave an invalid response.",
  ),
  unavailable: problem(503, "ServiceUnavailable", "AS.DEPENDENCY.UNAVAILABLE", "Dependency unavailable", "Try again later."),
  internal: problem(500, "InternalError", "AS.INTERNAL.ERROR", "Internal server error", "The attestation service could not do it."),
  unauthenticated: problem(401, "Unauthorized", "AS.REQUEST.UNAUTHENTICATED", "Unauthenticated", "An administrator's token is needed."),
  forbidden: problem(403, "Forbidden", "AS.REQUEST.FORBIDDEN", "Forbidden", "The administrator has no right to this."),
  missing: problem(404, "NotFound", "AS.POLICY.NOT_FOUND", "Policy not found", "There is no policy of that id."),
  conflict: problem(409, "Conflict", "AS.POLICY.PROTECTED", "Policy protected", "The policy in force cannot be deleted."),
  large: problem(413, "ContentTooLarge", "AS.REQUEST.TOO_LARGE", "Request too large", "The request is larger than what is taken."),
  slow: problem(408, "RequestTimeout", "AS.REQUEST.TIMEOUT", "Request timeout", "The request took too long to arrive."),
} as const satisfies Record<string, Problem>;

type ProblemName = keyof typeof PROBLEMS;

const RETRYABLE: ReadonlySet<ProblemName> = new Set(["response", "unavailable"]);

const BY_ID: Partial<Record<ErrorId, ProblemName>> = {
  "kbs.message-malformed": "json",
  "kbs.hash-unsupported": "argument",
  "kbs.init-data-invalid": "argument",
  "kbs.policy-id-invalid": "argument",
  "kbs.evidence-class": "argument",
  "crypto.json-not-canonical": "argument",
  "as.report-data-length": "argument",
  "as.argument-invalid": "argument",
  "as.policy-unknown": "argument",
  "kbs.tee-unsupported": "tee",
  "as.encoding-invalid": "encoding",
  "as.evidence-not-json": "format",
  "as.challenge-invalid": "challenge",
  "as.device-unbound": "binding",
  "admin.forbidden": "forbidden",
  "kbs.policy-missing": "missing",
  "kbs.policy-protected": "conflict",
  "kbs.request-too-large": "large",
  "kbs.request-timeout": "slow",
  "kbs.busy": "unavailable",
  "trustee.clock-behind": "unavailable",
  "trustee.collateral-missing": "unavailable",
};

/** Reasons of verifiers, `<tee>.<reason>`, in the order in which they are looked for. */
const BY_REASON: readonly (readonly [RegExp, ProblemName])[] = [
  [/\.(evidence-malformed|event-log-malformed)$/, "format"],
  [/\.unsupported-quote$/, "quote"],
  [/\.(report-data|init-data|event-log)-mismatch$/, "binding"],
  [/\.(tcb-info|qe-identity|crl|tcb-signing|collateral)-/, "response"],
];

function problemOf(id: ErrorId, authorized: boolean): ProblemName {
  const own = BY_ID[id];
  if (own !== undefined) return own;
  // A policy that an administrator puts; elsewhere it is one that is in force.
  if (authorized && id.startsWith("policy.")) return "argument";
  const [room] = id.split(".");
  if (room === "admin") return "unauthenticated";
  if (room === "net" || room === "tee" || id.endsWith(".unavailable")) return "unavailable";
  if (room !== "tdx" && room !== "sgx" && room !== "sample") return "internal";
  return BY_REASON.find(([reason]) => reason.test(id))?.[1] ?? "verification";
}

const fields = new WeakMap<CaiError, string>();

/** @returns the error, which remembers the member of the request that it is about; one that knows it already keeps it */
export function inField(thrown: unknown, field: string): CaiError {
  const error = CaiError.from(thrown);
  if (!fields.has(error)) fields.set(error, field);
  return error;
}

/** Runs `read`; whatever it throws is about the member `field` of the request. */
export function reading<T>(field: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw inField(error, field);
  }
}

/**
 * How the routes of the attestation service answer errors (trustee.md §4.1): the openanolis family reads problem details (RFC 7807), the other a text.
 * Nobody is told what was expected or why (security.md I27): an id, and the decision's public id; administrators are told the message.
 */
export function problemAnswers(family: PeerFamily, logger: Logger): (error: CaiError, authorized: boolean) => Reply {
  return (error, authorized) => {
    if (error.id === "internal.unexpected" || /^(store|tee)\./.test(error.id)) {
      logger.error("request failed", { error: error.id, reason: error.message });
    }
    const name = problemOf(error.id, authorized);
    const headers = error.id === "kbs.busy" ? { "retry-after": String(RETRY_AFTER) } : {};
    const told = authorized && name !== "internal" && name !== "unavailable" ? error.message : undefined;
    return family === "coco" ? { ...textAnswer(error, name, told), headers } : { ...detailsAnswer(error, name, told), headers };
  };
}

function detailsAnswer(error: CaiError, name: ProblemName, told: string | undefined): Reply {
  const { status, type, code, title, detail } = PROBLEMS[name];
  const field = fields.get(error) ?? (name === "json" ? "body" : undefined);
  const decision = decisionIdOf(error);
  const body = {
    type: TYPE_PREFIX + type,
    title,
    status,
    code,
    detail: told ?? detail,
    retryable: RETRYABLE.has(name),
    ...(field !== undefined && { field }),
    id: error.id,
    ...(decision !== undefined && { decision }),
  };
  return { status, body: JSON.stringify(body), type: "application/problem+json" };
}

/** Statuses that the family has only for refusals of its server, or of whatever stands in front of it. */
const OWN_STATUS: ReadonlySet<ProblemName> = new Set(["unauthenticated", "forbidden", "large", "slow"]);

function textAnswer(error: CaiError, name: ProblemName, told: string | undefined): Reply {
  const { status, detail } = PROBLEMS[name];
  const decision = decisionIdOf(error);
  const chain = [told ?? detail, error.id, ...(decision === undefined ? [] : [`decision ${decision}`])];
  const lines = chain.map((cause, i) => `${i}: ${cause}`).join("\n");
  return {
    status: OWN_STATUS.has(name) ? status : 500,
    body: `An internal error occured: \n${lines}`,
    type: "text/plain; charset=utf-8",
  };
}
