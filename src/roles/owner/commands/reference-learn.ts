import { CaiError, defineVerb, formatTable } from "../../../system/index.ts";
import { rfc3339 } from "../../../tee/tdx/index.ts";
import { setReferences } from "../references.ts";
import { formatSections, valueText } from "../report.ts";
import { readSource } from "../source.ts";
import { ADMIN_FLAGS, connectAdmin, REALM_FLAG } from "../trustee-admin.ts";
import { readDemands, VERIFY_FLAGS } from "../verify/demands.ts";
import { MAX_EVIDENCE } from "../verify/evidence-input.ts";
import { judge } from "../verify/judgement.ts";
import { LEVELS } from "../verify/judgement-text.ts";
import { type Lesson, learn } from "../verify/lesson.ts";
import { parseTime } from "../verify/time.ts";

// What was learnt is not held against a policy or against other values, and only writing needs a key.
const { policy: _policy, references: _references, ...EVIDENCE_FLAGS } = VERIFY_FLAGS;
const { "admin-key": adminKey, ...TRUSTEE_FLAGS } = ADMIN_FLAGS;
const { required: _required, ...ADMIN_KEY } = adminKey;

export default defineVerb({
  path: "reference learn",
  description:
    "Verifies evidence of a machine that runs what you trust, and proposes its measurements as reference values: the level that they reach, and what they leave open.\nEvidence that is not accepted, or that runs with debug, teaches nothing.",
  positionals: [{ name: "EVIDENCE", about: "as for `cai verify`: a file, an http(s) URL, or `-` for standard input" }],
  flags: {
    set: { kind: "switch", about: "set the values on the trustee, in the place of what their names had", commandLineOnly: true },
    add: { kind: "switch", about: "add the values to those that are there, for an upgrade", commandLineOnly: true },
    expires: { kind: "text", value: "TIME", about: "when the values end; default: in twelve months", commandLineOnly: true },
    ...REALM_FLAG,
    ...TRUSTEE_FLAGS,
    "admin-key": { ...ADMIN_KEY, about: "the administrator's private key, for --set and --add" },
    ...EVIDENCE_FLAGS,
  },
  examples: [
    { about: "look first", line: "cai reference learn evidence.json --collateral collateral.json" },
    { about: "then set", line: "cai reference learn evidence.json --collateral collateral.json --set --admin-key cai-trustee/admin.key" },
    {
      about: "of a simulated machine made by `cai sim tdx init`",
      line: "cai reference learn evidence.json --collateral sim/collateral.json --trust-anchor sim/anchor.pem --allow-simulated",
    },
  ],
  exits: { 3: "the evidence is rejected, or the trustee refused" },
  async run({ positionals: [source], flags, print, signal }) {
    if (flags.set && flags.add)
      throw new CaiError("cli.usage", "--set and --add exclude each other", { hint: "cai reference learn --help" });
    const writes = flags.set || flags.add;
    const key = flags["admin-key"];
    if (writes && key === undefined)
      throw new CaiError("cli.usage", "--set and --add need --admin-key FILE", { hint: "cai reference learn --help" });
    const expiration = flags.expires === undefined ? undefined : rfc3339(parseTime(flags.expires, "--expires"));
    const settings = { ...flags, policy: undefined, references: undefined };
    const demands = await readDemands(source, settings, Math.floor(Date.now() / 1000), signal);
    const { claims, error } = await judge(await readSource(source, MAX_EVIDENCE, signal), demands);
    if (error !== undefined) throw error;
    if (claims === undefined) throw new TypeError("accepted evidence has claims");
    const lesson = learn(claims);
    if (writes) {
      const admin = await connectAdmin({ ...flags, "admin-key": key ?? "" }, signal);
      if (claims.simulated && admin.world === "production") {
        throw new CaiError("policy.simulated", "the trustee is for real platforms, and the evidence is of a simulated one");
      }
      const references = lesson.references.map((reference) => ({ ...reference, expiration }));
      await setReferences(admin, references, { realm: flags.realm, merge: flags.add });
    }
    const done = flags.set ? "set" : flags.add ? "added" : "proposed";
    print(
      {
        tee: claims.tee,
        simulated: claims.simulated,
        level: lesson.level,
        references: lesson.references.map(({ name, value }) => ({ name, value })),
        not_measured: lesson.notMeasured,
        machine: lesson.machine,
        written: writes,
      },
      lessonText(lesson, done, claims.simulated),
    );
  },
});

function lessonText({ references, level, notMeasured, machine }: Lesson, done: string, simulated: boolean): string {
  const pins = Object.entries(machine).map(([kind, value]) => [kind, valueText(value)]);
  return [
    formatSections([
      {
        title: `Reference values (${done})`,
        rows: references.map(({ name, value }) => [name, Array.isArray(value) ? value.join(", ") : valueText(value)]),
      },
      { title: "Not measured by them", rows: [], before: notMeasured },
    ]),
    ...(pins.length === 0
      ? []
      : [
          "",
          `This machine, for a policy that names machines (examples/policies/platform-pin.rego):\n${formatTable(pins).replace(/^/gm, "  ")}`,
        ]),
    "",
    `assurance:   ${level}: ${LEVELS[level]}`,
    ...(simulated ? ["platform:    SIMULATED: this proves nothing about any hardware"] : []),
  ].join("\n");
}
