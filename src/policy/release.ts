import { CaiError, type ErrorId, type JsonObject } from "../system/index.ts";
import { explainQuery, shortReason } from "./explain/index.ts";
import type { FloorHit } from "./floor.ts";
import { compilePolicy } from "./rego/index.ts";

/** What a resource policy is asked. */
export const RELEASE_QUERY = "data.policy.allow";

/** A question to a resource policy. */
export interface ReleaseRequest {
  readonly policyText: string;
  /** the verified claims of the attestation token; the whole of the policy's `input` */
  readonly token: JsonObject;
  readonly resource: {
    /** for example `resource` */
    readonly plugin: string;
    /** parsed segments, for example `["default", "key", "1"]` */
    readonly path: readonly string[];
    readonly query: JsonObject;
  };
  /** seconds since 1970 */
  readonly now: number;
  /** what `floor` finds at this moment: any hit denies, whatever the policy says (I12). Left out where the caller has refused hits itself */
  readonly floor?: readonly FloorHit[];
}

/** The answer: `id` and `reason` say why where it is no. The reason names what the policy expects: it is for the operator, never for the peer. */
export type ReleaseDecision =
  | { readonly allowed: true; readonly reason: string }
  | { readonly allowed: false; readonly id: ErrorId; readonly reason: string };

/**
 * Decides whether a resource may be released (I22): only where `data.policy.allow` is the boolean true. Undefined, any other value,
 * errors and limits deny. `data` is what trustee.md §5.6 names: `resource-path` with the plugin in front, `resource-path-parts`
 * without it, `plugin`, `query`.
 *
 * The floor is asked first: a hit denies with its own id.
 *
 * Never throws for what a policy does.
 */
export function decideRelease({ policyText, token, resource, now, floor = [] }: ReleaseRequest): ReleaseDecision {
  const [hit] = floor;
  if (hit !== undefined) return { allowed: false, id: hit.id, reason: `${hit.id}: ${hit.message}` };
  const options = { input: token, data: releaseData(resource), now };
  try {
    const policy = compilePolicy(policyText);
    const allow = policy.evaluate(RELEASE_QUERY, options);
    if (allow === true) return { allowed: true, reason: `${RELEASE_QUERY} is true` };
    const got = allow === undefined ? "undefined" : allow === false ? "false" : "a value other than true";
    const why = shortReason(explainQuery(policy, RELEASE_QUERY, options));
    return {
      allowed: false,
      id: "policy.denied",
      reason: `policy.denied: ${RELEASE_QUERY} is ${got}${why === undefined ? "" : `: ${why}`}`,
    };
  } catch (error) {
    const { id, message } = CaiError.from(error);
    return { allowed: false, id, reason: `${id}: ${message}` };
  }
}

/** @returns what a resource policy finds below `data` (trustee.md §5.6) */
export function releaseData({ plugin, path, query }: ReleaseRequest["resource"]): JsonObject {
  return { "resource-path": [plugin, ...path].join("/"), "resource-path-parts": path, plugin, query };
}
