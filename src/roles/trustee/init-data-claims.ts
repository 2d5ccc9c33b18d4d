import { parse } from "smol-toml";
import { type PeerFamily, parseJsonText } from "../../protocol/index.ts";
import type { JsonObject, JsonValue } from "../../system/index.ts";

/** Members of init data that are TOML themselves. */
const TOML_MEMBERS = ["cdh.toml", "aa.toml"];
/** Characters of what a text of init data may become. */
const MAX_JSON = 1024 * 1024;
const POLICY_MEMBER = "policy.rego";
const POLICY_DATA = /\bpolicy_data := (?=\{)/;

/**
 * What the claims of init data are to a family (trustee.md §4.3): its `[data]` table; for the Confidential Containers family, with the agents'
 * configurations as objects, and in place of the guest's policy the data that it ends with, where it does.
 */
export function initDataClaims(data: JsonObject, family: PeerFamily): JsonObject {
  if (family === "openanolis") return data;
  const claims: { [name: string]: JsonValue } = { ...data };
  for (const name of TOML_MEMBERS) {
    const value = claims[name];
    const table = typeof value === "string" ? jsonOf(() => parse(value)) : undefined;
    if (table !== undefined) claims[name] = table;
  }
  const policy = claims[POLICY_MEMBER];
  const start = typeof policy === "string" ? POLICY_DATA.exec(policy) : null;
  if (typeof policy !== "string" || start === null) return claims;
  const policyData = jsonOf(() => JSON.parse(policy.slice(start.index + start[0].length)));
  if (policyData === undefined) return claims;
  delete claims[POLICY_MEMBER];
  return { ...claims, agent_policy_claims: policyData };
}

/** Text of another form, or nested too deep for whoever walks it, stays the text that it is. Dates, which JSON has no form for, become texts. */
function jsonOf(read: () => unknown): JsonValue | undefined {
  try {
    return parseJsonText(Buffer.from(JSON.stringify(read())), "init data", MAX_JSON);
  } catch {
    return undefined;
  }
}
