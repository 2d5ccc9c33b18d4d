import { type ErrorPlace, encodeErrorAnswer } from "../../protocol/index.ts";
import { CaiError, type ErrorId, type Logger } from "../../system/index.ts";
import { RETRY_AFTER } from "./gate.ts";
import { decisionIdOf } from "./recorder.ts";
import type { Reply } from "./route.ts";

/** Statuses of errors that only `cai` knows, where the protocol's table has no row of its own. */
const STATUSES: Partial<Record<ErrorId, number>> = {
  "kbs.decision-missing": 404,
  "kbs.policy-missing": 404,
  "kbs.policy-protected": 409,
  "kbs.reference-missing": 404,
  "kbs.request-timeout": 408,
  "tee.verifier-lost": 503,
  "tee.verifier-timeout": 503,
  "trustee.clock-behind": 503,
};

const HEADERS: Partial<Record<ErrorId, Readonly<Record<string, string>>>> = {
  "kbs.busy": { "retry-after": String(RETRY_AFTER) },
  // Whoever sends a body byte by byte would go on, and keep the connection.
  "kbs.request-timeout": { connection: "close" },
};

/** Errors whose message tells a guest nothing but what it sent. */
const TOLD_AT_AUTH: ReadonlySet<ErrorId> = new Set(["kbs.version-unsupported", "kbs.tee-unsupported", "kbs.message-malformed"]);

/**
 * Turns an error into an answer. A guest is told an id and the public id of the decision, never what was expected; an administrator,
 * whose token was accepted, is told the message (security.md I27).
 *
 * @param place       where it happened
 * @param authorized  whether the caller's admin token was accepted
 */
export function errorAnswer(thrown: unknown, place: ErrorPlace, authorized: boolean, logger: Logger): Reply {
  const error = CaiError.from(thrown);
  if (error.id === "internal.unexpected" || /^(store|tee)\./.test(error.id))
    logger.error("request failed", { error: error.id, reason: error.message });
  const decision = decisionIdOf(error);
  const told = authorized || (place === "auth" && TOLD_AT_AUTH.has(error.id));
  // A failure of the trustee itself is no fault of the request.
  const failed = /^(store|tee|trustee|internal)\./.test(error.id);
  const { status, body } = encodeErrorAnswer(error.id, failed && place === "admin" ? "resource" : place, {
    ...(told && !failed && { reason: error.message }),
    ...(decision !== undefined && { decision }),
  });
  return {
    status: STATUSES[error.id] ?? status,
    body,
    headers: HEADERS[error.id] ?? {},
  };
}
