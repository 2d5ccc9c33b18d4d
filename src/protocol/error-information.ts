import { z } from "zod";
import type { ErrorId } from "../system/index.ts";
import { parseJsonText } from "./json-text.ts";
import type { PeerFamily } from "./peer-family.ts";
import { parseWith } from "./schema.ts";

/** The error variants of the protocol that this program answers with (trustee.md §1.11). */
export type ErrorVariant =
  | "AdminAuth"
  | "AdminAuthAccess"
  | "AttestationError"
  | "InvalidRequestPath"
  | "PluginNotFound"
  | "PluginInternalError"
  | "PolicyDeny"
  | "PolicyEngine"
  | "JweError"
  | "RvpsError"
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
export type ErrorPlace = "auth" | "attest" | "resource" | "admin" | "attestation-policy";

interface Words {
  readonly variant: ErrorVariant;
  readonly detail: string;
  /** the same with the requested path in it, where there is one to quote */
  readonly about?: (path: string) => string;
}

interface Outcome extends Words {
  /** that of the openanolis family */
  readonly status: number;
  /** what the CoCo family says instead */
  readonly coco?: Words;
}

const tokenRefused: Outcome = { variant: "TokenVerifierError", status: 401, detail: "Token Verifier error" };
const adminRefused = (status: number, why: string): Outcome => ({
  variant: "AdminAuth",
  status,
  detail: `Admin auth error${why}`,
  coco: { variant: "AdminAuthAccess", detail: "admin access denied", about: (path) => `admin access denied for endpoint ${path}` },
});
const attestFailed = (status: number): Outcome => ({
  variant: "AttestationError",
  status,
  detail: "Attestation error: RCAR handshake Attest failed",
});
const policyRefused = (status: number): Outcome => ({ variant: "AttestationError", status, detail: "Attestation error: policy refused" });
const referenceRefused = (status: number): Outcome => ({
  variant: "AttestationError",
  status,
  detail: "Attestation error: reference value refused",
  coco: { variant: "RvpsError", detail: "RVPS error" },
});

const administrationRefused = (status: number): Outcome => ({ variant: "SerdeError", status, detail: "Administration refused" });

/** Errors whose answer is the same wherever they happen. */
const OUTCOMES: Partial<Record<ErrorId, Outcome>> = {
  "admin.unauthenticated": adminRefused(401, ""),
  "admin.token-unbounded": adminRefused(401, ""),
  "admin.bearer-over-plaintext": adminRefused(401, ""),
  "admin.token-replayed": adminRefused(401, ""),
  "admin.token-mismatch": adminRefused(401, ""),
  "admin.forbidden": adminRefused(403, ": no right to this endpoint"),
  "admin.administrator-missing": administrationRefused(404),
  "admin.last-administrator": administrationRefused(409),
  "admin.role-in-use": administrationRefused(409),
  "admin.role-missing": administrationRefused(404),
  "kbs.denial-missing": administrationRefused(404),
  "kbs.realm-missing": administrationRefused(404),
  "kbs.realm-not-empty": administrationRefused(409),
  "kbs.provenance-unsupported": referenceRefused(501),
  "kbs.path-invalid": {
    variant: "InvalidRequestPath",
    status: 404,
    detail: "Request path is invalid",
    about: (path) => `Request path ${path} is invalid`,
  },
  "kbs.method-unsupported": { variant: "InvalidRequestPath", status: 405, detail: "Request method is not allowed" },
  "kbs.plugin-unknown": {
    variant: "PluginNotFound",
    status: 404,
    detail: "Plugin not found",
    about: (path) => `Plugin ${/^(?:\/api)?\/kbs\/v0\/([^/]+)/.exec(path)?.[1] ?? ""} not found`.replace("  ", " "),
  },
  "kbs.resource-missing": { variant: "PluginInternalError", status: 404, detail: "Plugin internal error" },
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
  // Upstream answers 502; a session that is of no use is mended by a new handshake, which is what 401 makes clients do (security.md I3).
  "kbs.session-unknown": attestFailed(401),
  "kbs.session-used": attestFailed(401),
  "kbs.tee-key-invalid": { variant: "AttestationError", status: 400, detail: "Attestation error: the tee-pubkey cannot be used" },
  "kbs.policy-id-invalid": policyRefused(400),
  "kbs.policy-missing": policyRefused(404),
  "kbs.policy-protected": policyRefused(409),
  "kbs.reference-invalid": referenceRefused(400),
  "kbs.reference-missing": referenceRefused(404),
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
  "attestation-policy": { variant: "SerdeError", status: 400, detail: "Serialize/Deserialize failed" },
};

/**
 * Statuses that an error has wherever it happens: of administrators' routes that neither family has, of what the trustee itself lacks at the moment,
 * and of requests that never end.
 */
const STATUSES: Partial<Record<ErrorId, number>> = {
  "admin.administrator-missing": 404,
  "admin.last-administrator": 409,
  "admin.role-in-use": 409,
  "admin.role-missing": 404,
  "kbs.denial-missing": 404,
  "kbs.provenance-unsupported": 501,
  "kbs.realm-missing": 404,
  "kbs.realm-not-empty": 409,
  "kbs.request-timeout": 408,
  "store.unavailable": 503,
  "tee.verifier-lost": 503,
  "tee.verifier-timeout": 503,
  "trustee.clock-behind": 503,
};

/**
 * The CoCo family knows 401 and 404 only (trustee.md §1.11). These stay in it, too: they are not about what was asked, and a client that is
 * told 401 would attest again, which makes none of them better.
 */
const KEPT_BY_COCO: ReadonlySet<number> = new Set([404, 405, 408, 413, 503]);

const TYPE_PREFIX = "https://github.com/confidential-containers/kbs/errors/";

/** What is known about an error besides its id and place. */
export interface ErrorContext {
  /** for what the caller knows already, such as the version that it asked for, and for administrators */
  readonly reason?: string;
  /** the public id of the decision */
  readonly decision?: string;
  /** default: openanolis */
  readonly family?: PeerFamily;
  /** the path that was requested; it is quoted where the families do */
  readonly path?: string;
}

/**
 * Decides how an error is answered. The text never holds an expected value or a reason for a verdict (security.md I27).
 *
 * @returns the status of the family and the JSON text of the body
 */
export function encodeErrorAnswer(
  id: ErrorId,
  place: ErrorPlace,
  { reason, decision, family = "openanolis", path }: ErrorContext = {},
): { readonly status: number; readonly body: string } {
  const outcome = outcomeOf(id, place);
  const { variant, detail, about } = (family === "coco" && outcome.coco) || outcome;
  const said = path === undefined || about === undefined ? detail : about(path.slice(0, MAX_QUOTED));
  const body = {
    type: TYPE_PREFIX + variant,
    detail: reason === undefined ? said : `${said}: ${reason}`,
    id,
    ...(decision !== undefined && { decision }),
  };
  const status = STATUSES[id] ?? outcome.status;
  return { status: family === "openanolis" || KEPT_BY_COCO.has(status) ? status : 401, body: JSON.stringify(body) };
}

/** Characters of a requested path that are quoted in an answer. */
const MAX_QUOTED = 256;

function outcomeOf(id: ErrorId, place: ErrorPlace): Outcome {
  const own = OUTCOMES[id];
  if (own) return own;
  if (id.startsWith("policy.")) {
    if (place === "resource") return { variant: "PolicyDeny", status: 403, detail: "Access denied by policy" };
    if (place === "admin") return { variant: "PolicyEngine", status: 500, detail: "Policy engine error" };
    if (place === "attestation-policy") return policyRefused(400);
  }
  if (id === "kbs.version-unsupported" && place === "resource") return tokenRefused;
  if (id === "kbs.message-malformed" && place === "resource") return PLACES.admin;
  if (id === "internal.unexpected" && place !== "auth" && place !== "attest") return PLACES.resource;
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
