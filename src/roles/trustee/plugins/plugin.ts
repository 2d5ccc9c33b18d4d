import type { ResourcePath } from "../../../protocol/index.ts";
import type { AdminRight } from "../rights.ts";
import type { Call, Reply, RouteDescription } from "../route.ts";

/**
 * A plugin answers what lies below `/kbs/v0/<name>/` (trustee.md §3.5). It says of each of its calls whether an administrator or an attested
 * guest makes it; the key broker checks the caller, asks the policy and encrypts, so a plugin never sees a request that it may not answer.
 */
export interface Plugin {
  /** the first segment of its paths; two plugins may share it where none of their calls is the same */
  readonly name: string;
  readonly calls: readonly PluginCall[];
}

export type PluginCall = AdminCall | TokenCall;

/** A call that an administrator makes. It is answered in the clear, as `text/xml`, which is what both families say (trustee.md §1.9). */
export interface AdminCall {
  readonly method: "GET" | "POST" | "DELETE";
  /** what follows the name; `*` stands for any rest */
  readonly path: string;
  readonly right: AdminRight;
  /** for the description of everything that the trustee answers */
  readonly about: RouteDescription;
  /** the resource that a call is about, whose path says which realm it is of; absent where a call is about the trustee as a whole */
  readonly resource?: (rest: string) => ResourcePath;
  /** bytes */
  readonly bodyLimit: number;
  /**
   * @param rest  what stands for `*`, undecoded
   * @returns the body of the answer, and what a record says of the change
   */
  handle(call: Call, rest: string): Promise<Pick<Reply, "body" | "change">>;
}

/** A GET of an attested guest, which the resource policy decides on. */
export interface TokenCall {
  readonly method: "GET";
  readonly path: string;
  readonly right: "token";
  /** as in {@link AdminCall} */
  readonly about: RouteDescription;
  /** whether what {@link content} gives is encrypted to the guest's key; no plugin is taken that says no (security.md I20) */
  readonly encrypted: boolean;
  /**
   * Reads the rest of the path, before the token is looked at.
   *
   * @returns the segments that the policy is given
   * @throws CaiError `kbs.path-invalid`
   */
  segments(rest: string): readonly string[];
  /**
   * Called after the policy has allowed it, and never before.
   *
   * @returns bytes that the caller overwrites after use
   * @throws CaiError where there is nothing to give
   */
  content(segments: readonly string[], query: Readonly<Record<string, string>>): Promise<Uint8Array>;
}
