import { type ErrorInformation, parseErrorInformation } from "../../protocol/index.ts";
import { CaiError, type ErrorId, printable } from "../../system/index.ts";
import type { TrusteeAnswer } from "./trustee-connection.ts";

/** The bits of an error answer that may be shown; whatever a peer wrote is cut and stripped of control characters. */
export interface Refusal {
  readonly status: number;
  readonly variant: string;
  /** the trustee's stable error id; absent where the trustee is not a `cai` */
  readonly id?: string;
  /** the public id under which the trustee's administrators find the decision */
  readonly decision?: string;
  readonly text: string;
}

/**
 * Reads an answer that is not 200.
 *
 * @throws CaiError `net.response-invalid` where it is no error of the KBS protocol: a redirect, a web page, another service
 */
export function readRefusal(answer: TrusteeAnswer, base: string): Refusal {
  let information: ErrorInformation;
  try {
    information = parseErrorInformation(answer.body);
  } catch (cause) {
    throw new CaiError("net.response-invalid", `${base} does not answer as a trustee does`, {
      expected: "an answer of the KBS protocol",
      got:
        answer.status >= 300 && answer.status < 400 ? `a redirect (status ${answer.status})` : `status ${answer.status} with another body`,
      hint: "check the address; redirects are never followed",
      cause,
    });
  }
  const { variant, detail, id, decision } = information;
  const parts = [shown(detail), ...(id === undefined ? [] : [id]), ...(decision === undefined ? [] : [`decision ${decision}`])];
  return {
    status: answer.status,
    variant: shown(variant),
    ...(id !== undefined && { id }),
    ...(decision !== undefined && { decision }),
    text: parts.join(", "),
  };
}

/**
 * @returns an error of ours that carries what the trustee said; `got` is its error id where it gave one. Why it said so is for its
 *   administrators, so the hint names the way to them and nothing more (security.md I27)
 */
export function refusalError(id: ErrorId, message: string, refusal: Refusal): CaiError {
  return new CaiError(id, `${message}: ${refusal.text}`, {
    got: refusal.id ?? `${refusal.variant} (status ${refusal.status})`,
    ...(refusal.decision !== undefined && { hint: `ask the trustee's administrator: cai policy explain ${refusal.decision}` }),
  });
}

const shown = (text: string): string => printable(text).slice(0, 300);
