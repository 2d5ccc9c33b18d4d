import { CaiError, defineVerb, formatTable } from "../../../system/index.ts";
import { asJson, listDecisions, REALM_FLAG, timeOf } from "../decisions.ts";
import { ADMIN_FLAGS, connectAdmin } from "../trustee-admin.ts";
import { parseTime } from "../verify/time.ts";

const HEADINGS = ["NUMBER", "TIME", "KIND", "OUTCOME", "LEVEL", "SUBJECT", "ERROR", "CLIENT", "ID"];

export default defineVerb({
  path: "decisions ls",
  description:
    "Lists the decisions of a trustee, newest first: attestations, releases, denials, and what administrators changed.\nThe level says how much of what runs was compared (`cai decisions show` says what it means).",
  positionals: [],
  flags: {
    kind: {
      kind: "text",
      value: "KIND",
      about: "only these: attest, release, appraise or admin",
      oneOf: ["attest", "release", "appraise", "admin"],
      commandLineOnly: true,
    },
    outcome: { kind: "text", value: "OUTCOME", about: "allowed or denied", oneOf: ["allowed", "denied"], commandLineOnly: true },
    since: { kind: "text", value: "TIME", about: "from this time on, for example 2026-01-10T00:00:00Z", commandLineOnly: true },
    until: { kind: "text", value: "TIME", about: "before this time", commandLineOnly: true },
    realm: REALM_FLAG,
    limit: { kind: "number", value: "N", min: 1, max: 1000, default: 50, about: "how many at most", commandLineOnly: true },
    before: { kind: "number", value: "NUMBER", min: 1, max: Number.MAX_SAFE_INTEGER, about: "older than this one", commandLineOnly: true },
    ...ADMIN_FLAGS,
  },
  examples: [
    { about: "the latest", line: "cai decisions ls --admin-key cai-trustee/admin.key" },
    {
      about: "what was refused today, for a program",
      line: "cai decisions ls --outcome denied --limit 1000 --admin-key cai-trustee/admin.key --json",
    },
  ],
  async run({ flags, print, signal }) {
    const since = flags.since === undefined ? undefined : parseTime(flags.since, "since");
    const until = flags.until === undefined ? undefined : parseTime(flags.until, "until");
    if (since !== undefined && until !== undefined && since >= until) {
      throw new CaiError("cli.usage", "--since is not before --until", { hint: "cai decisions ls --help" });
    }
    const { kind, outcome, realm, limit, before } = flags;
    const filter = { kind, outcome, realm, since, until, limit, before };
    const given = Object.entries(filter).filter(([, value]) => value !== undefined);
    const list = await listDecisions(
      await connectAdmin(flags, signal),
      Object.fromEntries(given.map(([name, value]) => [name, String(value)])),
    );
    const rows = list.decisions.map((one) => [
      String(one.number),
      timeOf(one),
      one.kind,
      one.outcome,
      one.level ?? "-",
      one.subject ?? one.tee ?? "-",
      one.error ?? "-",
      one.client ?? "-",
      one.id,
    ]);
    const more = list.next === undefined ? "" : `\n\nolder ones: --before ${list.next}`;
    print(asJson({ next: null, ...list }), rows.length === 0 ? "no decisions" : `${formatTable([HEADINGS, ...rows])}${more}`);
  },
});
