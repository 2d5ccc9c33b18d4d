import type { JsonObject } from "../system/index.ts";
import type { FloorHit } from "./floor.ts";

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
    /** how `resource-path` is given: `text` (default) with the plugin in front, or `segments` without it, as policies of the CoCo family read it */
    readonly pathAs?: "text" | "segments";
  };
  /** seconds since 1970 */
  readonly now: number;
  /** what `floor` finds at this moment: any hit denies, whatever the policy says (I12). Left out where the caller has refused hits itself */
  readonly floor?: readonly FloorHit[];
}

/** @returns what a resource policy finds below `data` (trustee.md §5.6) */
export function releaseData({ plugin, path, query, pathAs }: ReleaseRequest["resource"]): JsonObject {
  const resourcePath = pathAs === "segments" ? path : [plugin, ...path].join("/");
  return { "resource-path": resourcePath, "resource-path-parts": path, plugin, query };
}
