import { readEvidenceInput } from "../verify/evidence-input.ts";
import { type Artefact, type ArtefactKind, type Explanation, membersOf } from "./artefact.ts";
import { explainEventLog } from "./event-log.ts";
import { explainQuote } from "./quote.ts";

/** Members that evidence, or a message around it, has. */
const MEMBERS = ["quote", "tee-evidence", "primary_evidence", "verification_requests", "evidence"];

/** Evidence of an attester in JSON, also inside the messages that carry it. */
export const evidence: ArtefactKind = {
  name: "evidence (JSON), also in the messages that carry it",
  explain({ bytes, json }: Artefact): Explanation | undefined {
    const members = membersOf(Array.isArray(json) ? json[0] : json);
    if (members === undefined || !MEMBERS.some((name) => name in members)) return undefined;
    const found = readEvidenceInput(bytes).evidence;
    const quote = explainQuote(found.quote);
    const log = found.eventLog === undefined ? undefined : explainEventLog(found.eventLog);
    return {
      kind: `evidence with a ${quote.kind}${log === undefined ? "" : " and an event log"}`,
      json: { quote: quote.json, ...(log && { event_log: log.json }) },
      sections: [...quote.sections, ...(log?.sections ?? [])],
    };
  },
};
