import { CaiError, type ErrorId } from "../system/index.ts";
import { shortReason } from "./explain/index.ts";
import { groundsOfRelease } from "./grounds/index.ts";
import { compilePolicy } from "./rego/index.ts";
import { RELEASE_QUERY, type ReleaseRequest, releaseData } from "./release-request.ts";

/** The answer: `id` and `reason` say why where it is no. The reason names what the policy expects: it is for the operator, never for the peer. */
export type ReleaseDecision =
  | { readonly allowed: true; readonly reason: string }
  | { readonly allowed: false; readonly id: ErrorId; readonly reason: string };

/**
 * Decides whether a resource may be released (I22): only where `data.policy.allow` is the boolean true. Undefined, any other value,
 * errors and limits deny. `data` is what trustee.md §5.6 names: `resource-path` in the form of the peer's family,
 * `resource-path-parts` in segments, `plugin`, `query`.
 *
 * The floor is asked first: a hit denies with its own id.
 *
 * Never throws for what a policy does.
 */
export function decideRelease(request: ReleaseRequest): ReleaseDecision {
  const { policyText, token, resource, now, floor = [] } = request;
  const [hit] = floor;
  if (hit !== undefined) return { allowed: false, id: hit.id, reason: `${hit.id}: ${hit.message}` };
  const options = { input: token, data: releaseData(resource), now };
  try {
    const policy = compilePolicy(policyText);
    const allow = policy.evaluate(RELEASE_QUERY, options);
    if (allow === true) return { allowed: true, reason: `${RELEASE_QUERY} is true` };
    const got = allow === undefined ? "undefined" : allow === false ? "false" : "a value other than true";
    // The reason goes to logs, so it is that of the grounds, which leave out what may be secret (I27).
    const [explanation] = groundsOfRelease(request).explanations;
    const why = explanation && shortReason(explanation);
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
