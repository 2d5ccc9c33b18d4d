import { printable } from "../../system/index.ts";
import type { DecisionSubject } from "./recorder.ts";
import type { Call } from "./route.ts";

/** Members of the header `AAInstanceInfo` (trustee.md §8.1). */
const INSTANCE_MEMBERS = [
  "instance_id",
  "image_id",
  "instance_name",
  "owner_account_id",
  "eas_model_id",
  "eas_instance_id",
  "eas_pod_name",
  "ip",
] as const;
const MAX_HEADER = 4096;
const MAX_TEXT = 128;

/** What records say of a guest's request besides who sent it and when. */
export function aboutOf({ requestId, headers }: Call): Pick<DecisionSubject, "request" | "unverified"> {
  return { request: requestId, unverified: unverifiedFacts(headers) };
}

/**
 * What a client says of itself and nothing proves: for records, where it is marked as that, and for nothing else (security.md I18).
 *
 * @returns texts of at most 128 characters; undefined where the client says nothing
 */
export function unverifiedFacts(headers: Headers): Readonly<Record<string, string>> | undefined {
  const facts: Record<string, string> = {};
  const instance = instanceOf(headers.get("aainstanceinfo"));
  for (const name of INSTANCE_MEMBERS) {
    const value = instance[name];
    if (typeof value === "string" && value !== "") facts[name] = shown(value);
  }
  const forwarded = headers.get("x-forwarded-for");
  if (forwarded !== null) facts["forwarded_for"] = shown(forwarded);
  return Object.keys(facts).length === 0 ? undefined : facts;
}

function instanceOf(header: string | null): Readonly<Record<string, unknown>> {
  if (header === null || header.length > MAX_HEADER) return {};
  try {
    const value: unknown = JSON.parse(header);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

const shown = (text: string): string => printable(text.slice(0, MAX_TEXT));
