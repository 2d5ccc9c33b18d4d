import { z } from "zod";
import type { ErrorId } from "../system/index.ts";
import { parseJsonText } from "./json-text.ts";
import { parseWith } from "./schema.ts";

/** The error variants of the protocol that this program answers with (trustee.md §1.11). */
export type ErrorVariant =
  | "AdminAuth"
  | "AttestationError"
  | "InvalidRequestPath"
  | "PluginNotFound"
  | "PluginInternalError"
  | "PolicyDeny"
  | "PolicyEngine"
  | "JweError"
  | "SerdeError"
  | "TokenNotFound"
  | "TokenVerifierError";

/** The body of an error answer. */
export interface ErrorInformation {
  readonly variant: string;
  readonly detail: string;
  /** our stable error id; absent in upstream answers */
  readonly id?: string;
  /** the public id under which the trustee's operator finds the decision */
  readonly decision?: string;
}

/** The part of the protocol that an error happened in: the same cause has other variants at other places. */
export type ErrorPlace = "auth" | "attest" | "resource" | "admin";

interface Outcome {
  readonly variant: ErrorVariant;
  readonly status: number;
  readonly detail: string;
}

const tokenRefused: Outcome = { variant: "TokenVerifierError", status: 401, detail: "Token Verifier error" };
const adminRefused: Outcome = { variant: "AdminAuth", status: 401, detail: "Admin auth error" };
const sessionRefused: Outcome = { variant: "AttestationError", status: 401, detail: "Attestation error: session refused" };

/** Errors whose answer is the same wherever they happen. */
const OUTCOMES: Partial<Record<ErrorId, Outcome>> = {
  "admin.unauthenticated": adminRefused,
  "admin.token-unbounded": adminRefused,
  "admin.bearer-over-plaintext": adminRefused,
  "admin.token-replayed": adminRefused,
  "admin.token-mismatch": adminRefused,
  "admin.forbidden": { variant: "AdminAuth", status: 403, detail: "Admin auth error: no right to this endpoint" },
  "kbs.path-invalid": { variant: "InvalidRequestPath", status: 404, detail: "Request path is invalid" },
  "kbs.plugin-unknown": { variant: "PluginNotFound", status: 404, detail: "Plugin not found" },
  "kbs.resource-missing": { variant: "PluginInternalError", status: 404, detail: "Plugin internal error: no such resource" },
  "kbs.resource-exists": { variant: "PluginInternalError", status: 409, detail: "Plugin internal error: resource exists" },
  "kbs.policy-denied": { variant: "PolicyDeny", status: 403, detail: "Access denied by policy" },
  "kbs.token-missing": { variant: "TokenNotFound", status: 401, detail: "Attestation Token not found" },
  "kbs.token-malformed": tokenRefused,
  "kbs.token-signature": tokenRefused,
  "kbs.token-expired": tokenRefused,
  "kbs.token-use": tokenRefused,
  "kbs.token-issuer": tokenRefused,
  "kbs.token-policy": tokenRefused,
  "kbs.token-not-fresh": tokenRefused,
  "kbs.session-unknown": sessionRefused,
  "kbs.session-used": sessionRefused,
  "kbs.tee-key-invalid": { variant: "AttestationError", status: 400, detail: "Attestation error: the tee-pubkey cannot be used" },
  "kbs.request-too-large": { variant: "SerdeError", status: 413, detail: "Request too large" },
  "kbs.busy": { variant: "AttestationError", status: 503, detail: "Attestation error: busy, try again later" },
  "crypto.jwk-invalid": { variant: "JweError", status: 400, detail: "JWE failed" },
  "crypto.jwk-unsupported": { variant: "JweError", status: 400, detail: "JWE failed" },
};

/** What an error without a row of its own answers, by place. */
const PLACES: Readonly<Record<ErrorPlace, Outcome>> = {
  auth: { variant: "AttestationError", status: 502, detail: "Attestation error: RCAR handshake Auth failed" },
  attest: { variant: "AttestationError", status: 502, detail: "Attestation error: RCAR handshake Attest failed" },
  resource: { variant: "PluginInternalError", status: 500, detail: "Plugin internal error" },
  admin: { variant: "SerdeError", status: 400, detail: "Serialize/Deserialize failed" },
};

const TYPE_PREFIX = "https://github.com/confidential-containers/kbs/errors/";

/**
 * Decides how an error is answered. The text never holds an expected value or a reason for a verdict (security.md I27); `reason` is
 * for what the caller knows already, such as the version that it asked for, and for administrators.
 *
 * @returns the status (those of the openanolis family) and the JSON text of the body
 */
export function encodeErrorAnswer(
  id: ErrorId,
  place: ErrorPlace,
  { reason, decision }: { readonly reason?: string; readonly decision?: string } = {},
): { readonly status: number; readonly body: string } {
  const { variant, status, detail } = outcomeOf(id, place);
  const body = {
    type: TYPE_PREFIX + variant,
    detail: reason === undefined ? detail : `${detail}: ${reason}`,
    id,
    ...(decision !== undefined && { decision }),
  };
  return { status, body: JSON.stringify(body) };
}

function outcomeOf(id: ErrorId, place: ErrorPlace): Outcome {
  const own = OUTCOMES[id];
  if (own) return own;
  if (id.startsWith("policy.")) {
    if (place === "resource") return { variant: "PolicyDeny", status: 403, detail: "Access denied by policy" };
    if (place === "admin") return { variant: "PolicyEngine", status: 400, detail: "Policy engine error" };
  }
  if (id === "kbs.message-malformed" && place === "resource") return PLACES.admin;
  if (id === "internal.unexpected" && place === "admin") return PLACES.resource;
  return PLACES[place];
}

const errorMessage = z.object({
  type: z.string().max(256),
  detail: z.string().max(4096),
  id: z
    .string()
    .regex(/^[a-z]+\.[a-z0-9-]+$/)
    .max(64)
    .optional()
    .catch(undefined),
  decision: z
    .string()
    .regex(/^[A-Za-z2-7]{1,32}$/)
    .optional()
    .catch(undefined),
});

const MAX_ERROR = 64 * 1024;

/** @throws CaiError `kbs.message-malformed`: the answer is not an error of this protocol, so the address is hardly a trustee */
export function parseErrorInformation(bytes: Uint8Array): ErrorInformation {
  const { type, detail, id, decision } = parseWith(errorMessage, parseJsonText(bytes, "error answer", MAX_ERROR), "error answer");
  return {
    variant: type.slice(type.lastIndexOf("/") + 1),
    detail,
    ...(id !== undefined && { id }),
    ...(decision !== undefined && { decision }),
  };
}
