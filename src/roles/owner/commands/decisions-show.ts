import { defineVerb } from "../../../system/index.ts";
import { coloursFor } from "../colours.ts";
import { decisionSections, explanationText } from "../decision-text.ts";
import { asJson, getDecision, REALM_FLAG, requireDecisionName } from "../decisions.ts";
import { formatSections } from "../report.ts";
import { ADMIN_FLAGS, connectAdmin } from "../trustee-admin.ts";

export default defineVerb({
  path: "decisions show",
  description:
    "Shows everything that a trustee wrote down of one decision: who asked, what was graded and how, what the policies read, what they asked for and which statements decided.\nFor why it came out so, and what would change that, see `cai policy explain`.",
  positionals: [{ name: "DECISION", about: "its number, or the 16 characters that a refused machine shows" }],
  flags: { realm: REALM_FLAG, ...ADMIN_FLAGS },
  examples: [
    { about: "by its number", line: "cai decisions show 41 --admin-key cai-trustee/admin.key" },
    { about: "by the id that a machine was told", line: "cai decisions show lwhqt72rzz5ejn2a --admin-key cai-trustee/admin.key --json" },
  ],
  async run({ positionals: [text], flags, print, signal }) {
    const name = requireDecisionName(text);
    const single = await getDecision(await connectAdmin(flags, signal), name, flags.realm);
    const { decision, attestation } = single;
    const colours = coloursFor(process.stdout, process.env);
    const decided = (decision.detail?.explanations ?? []).map((one) => explanationText(one, colours));
    const parts = [formatSections(decisionSections(decision, attestation)), ...decided];
    print(asJson(single), parts.join("\n\n"));
  },
});
