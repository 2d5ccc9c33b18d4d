import { defineVerb, formatTable, type JsonValue } from "../../../system/index.ts";
import { type ListedReference, listReferences } from "../references.ts";
import { cut } from "../report.ts";
import { ADMIN_FLAGS, connectAdmin, REALM_FLAG } from "../trustee-admin.ts";

const MAX_VALUE = 64;

export default defineVerb({
  path: "reference ls",
  description:
    "Lists the reference values of a trustee, when each ends, and how often policies asked for it.\nA value that no policy ever asked for protects nothing: its name, or the policy, is another than was meant.",
  positionals: [],
  flags: {
    values: { kind: "switch", about: "print each value whole, one a line", commandLineOnly: true },
    ...REALM_FLAG,
    ...ADMIN_FLAGS,
  },
  examples: [
    { about: "of the trustee on this machine", line: "cai reference ls --admin-key cai-trustee/admin.key" },
    { about: "of one team, whole", line: "cai reference ls --values --realm team-a --admin-key cai-trustee/admin.key" },
    { about: "in the form that `cai reference set --file` reads", line: "cai reference ls --admin-key cai-trustee/admin.key --json" },
  ],
  async run({ flags, log, print, signal }) {
    const references = await listReferences(await connectAdmin(flags, signal), flags.realm);
    const unused = references.filter(({ uses, expired }) => uses === 0 && !expired).map(({ name }) => name);
    const rows = references.flatMap((each) => (flags.values ? wholeRows(each) : [shortRow(each)]));
    print(
      { references, never_asked_for: unused },
      rows.length > 0 ? formatTable([["NAME", "VALUE", "ENDS", "USES", "LAST USED"], ...rows]) : "no reference values",
    );
    if (unused.length === 0) return;
    log.warn(`no policy ever asked for ${unused.length} of them: ${unused.join(", ")}`, {
      hint: "evidence was not graded since they were set, or the policy queries other names: `cai policy get attestation`",
    });
  },
});

function shortRow(reference: ListedReference): string[] {
  return [reference.name, cut(valuesOf(reference).join(", "), MAX_VALUE), ...useCells(reference)];
}

function wholeRows(reference: ListedReference): string[][] {
  const [first = "", ...rest] = valuesOf(reference);
  return [[reference.name, first, ...useCells(reference)], ...rest.map((value) => ["", value, "", "", ""])];
}

function useCells({ expiration, expired, uses, last_used }: ListedReference): string[] {
  return [expired ? `EXPIRED ${expiration}` : expiration, uses === 0 ? "never" : String(uses), last_used ?? ""];
}

function valuesOf({ value }: ListedReference): string[] {
  const values = (Array.isArray(value) ? value : [value]) as JsonValue[];
  return values.map((each) => (typeof each === "string" ? each : JSON.stringify(each)));
}
