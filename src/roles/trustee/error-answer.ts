import { type ErrorPlace, encodeErrorAnswer, type PeerFamily } from "../../protocol/index.ts";
import { CaiError, type ErrorId, type Logger } from "../../system/index.ts";
import { RETRY_AFTER } from "./gate.ts";
import { decisionIdOf } from "./recorder.ts";
import type { Reply } from "./route.ts";

const HEADERS: Partial<Record<ErrorId, Readonly<Record<string, string>>>> = {
  "kbs.busy": { "retry-after": String(RETRY_AFTER) },
  "store.unavailable": { "retry-after": String(RETRY_AFTER) },
  // Whoever sends a body byte by byte would go on, and keep the connection.
  "kbs.request-timeout": { connection: "close" },
};

/** What may be said to everybody besides the protocol's words. */
const HINTS: Partial<Record<ErrorId, string>> = {
  "kbs.plugin-unknown": "resources are at resource/{repository}/{type}/{tag}",
};

/** Errors whose message tells a guest nothing but what it sent. */
const TOLD_AT_AUTH: ReadonlySet<ErrorId> = new Set([
  "kbs.version-unsupported",
  "kbs.tee-unsupported",
  "kbs.evidence-class",
  "kbs.message-malformed",
]);

/** Where an error happened, and to whom it is told. */
export interface ErrorSurroundings {
  readonly place: ErrorPlace;
  readonly family: PeerFamily;
  /** the path as requested */
  readonly path: string;
  /** whether the caller's admin token was accepted */
  readonly authorized: boolean;
}

/** @returns whether it is the trustee itself that failed, and no fault of the request */
export function isFailure(thrown: unknown): boolean {
  return /^(store|tee|trustee|internal)\./.test(CaiError.from(thrown).id);
}

/**
 * Turns an error into an answer. A guest is told an id and the public id of the decision, never what was expected; an administrator,
 * whose token was accepted, is told the message (security.md I27).
 */
export function errorAnswer(thrown: unknown, { place, family, path, authorized }: ErrorSurroundings, logger: Logger): Reply {
  const error = CaiError.from(thrown);
  if (error.id === "internal.unexpected" || /^(store|tee)\./.test(error.id))
    logger.error("request failed", { error: error.id, reason: error.message });
  const decision = decisionIdOf(error);
  const told = authorized || (place === "auth" && TOLD_AT_AUTH.has(error.id));
  const failed = isFailure(error);
  const reason = told && !failed ? error.message : HINTS[error.id];
  const answer = encodeErrorAnswer(error.id, failed && place !== "auth" && place !== "attest" ? "resource" : place, {
    family,
    path,
    ...(reason !== undefined && { reason }),
    ...(decision !== undefined && { decision }),
  });
  return { ...answer, headers: HEADERS[error.id] ?? {} };
}
