import { CaiError, type ErrorId, type JsonObject, type JsonValue } from "../system/index.ts";
import { compilePolicy } from "./rego/index.ts";

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
}

/** The answer: `id` and `reason` say why where it is no. */
export type ReleaseDecision =
  | { readonly allowed: true; readonly reason: string }
  | { readonly allowed: false; readonly id: ErrorId; readonly reason: string };

/**
 * Decides whether a resource may be released (I22): only where `data.policy.allow` is the boolean true. Undefined, any other value,
 * errors and limits deny. `data` is what trustee.md §5.6 names: `resource-path` with the plugin in front, `resource-path-parts`
 * without it, `plugin`, `query`.
 *
 * Never throws for what a policy does.
 */
export function decideRelease({ policyText, token, resource, now }: ReleaseRequest): ReleaseDecision {
  let allow: JsonValue | undefined;
  try {
    allow = compilePolicy(policyText).evaluate("data.policy.allow", {
      input: token,
      data: {
        "resource-path": [resource.plugin, ...resource.path].join("/"),
        "resource-path-parts": resource.path,
        plugin: resource.plugin,
        query: resource.query,
      },
      now,
    });
  } catch (error) {
    const { id, message } = CaiError.from(error);
    return { allowed: false, id, reason: `${id}: ${message}` };
  }
  if (allow === true) return { allowed: true, reason: "data.policy.allow is true" };
  const got = allow === undefined ? "undefined" : allow === false ? "false" : "a value other than true";
  return { allowed: false, id: "policy.denied", reason: `policy.denied: data.policy.allow is ${got}` };
}
