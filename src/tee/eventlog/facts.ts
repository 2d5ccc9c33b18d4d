import { withoutTrailingNuls } from "../../crypto/index.ts";
import type { JsonObject } from "../../system/index.ts";
import { aaelText, contentValue, hasAaelTag, parseAael } from "./aael.ts";
import type { LogHash } from "./algorithm.ts";
import { EFI_GLOBAL_VARIABLE, encodeEfiVariable } from "./efi-variable.ts";
import { type CoveredEvent, coveredEvents, type EventLog, REGISTER_INDEXES } from "./log.ts";
import { verifiedPayload } from "./payload.ts";
import { utf8Text } from "./text.ts";

/** Firmware's own register, and the one that is for what happens after boot (tdx.md §4.3). */
const FIRMWARE_REGISTER = 1;
const RUNTIME_REGISTER = 4;

/**
 * What a replayed log proves, in a form that cannot be read as more (security.md I18). Whoever carries a log can change every text and every
 * type in it and keep the digests, so nothing here follows from one that the digest of its record does not prove:
 *
 * - `digests`: of each register, all digests in the order of extension. "Only these were measured" is a test of every one of them.
 * - `texts`: what a digest is the digest of, where that is a text. To be looked up by digest: a text that is not here may have been measured too.
 * - `secure_boot`: what firmware measured. It is recognised by its digest, not by what the log calls it, and there is no word on it where the
 *   digest of "on" stands beside that of "off". It means something for a firmware that is known to measure the variable.
 * - `runtime_events`: all events of the runtime register. Absent where a single one of that register's digests is not proved to be of an event,
 *   for then it may be of one that the log's carrier wants to hide.
 *
 * @param hash          the registers' algorithm
 * @param registerName  the claim name of a register by the log's numbering
 * @throws CaiError `eventlog.malformed` where a record has no digest of that algorithm
 */
export function measuredFacts(log: EventLog, hash: LogHash, registerName: (index: number) => string): JsonObject {
  const covered = coveredEvents(log, hash);
  const secureBoot = secureBootOf(covered, hash);
  const runtimeEvents = runtimeEventsOf(covered, hash);
  return {
    digests: Object.fromEntries(REGISTER_INDEXES.map((index) => [registerName(index), digestsOf(covered, index)])),
    texts: Object.fromEntries(covered.flatMap((one) => textOf(one, hash).map((text) => [one.digest.toHex(), text]))),
    ...(secureBoot !== undefined && { secure_boot: secureBoot }),
    ...(runtimeEvents !== undefined && { runtime_events: runtimeEvents }),
  };
}

const digestsOf = (covered: readonly CoveredEvent[], register: number): string[] =>
  covered.filter(({ event }) => event.index === register).map(({ digest }) => digest.toHex());

const isDigestOf = ({ event, digest }: CoveredEvent, hash: LogHash): boolean => Buffer.compare(hash.digest(event.data), digest) === 0;

/** The text that a record's digest is of; none where it is of something else, or of bytes that are no lines of text. */
function textOf(covered: CoveredEvent, hash: LogHash): string[] {
  const proved = isDigestOf(covered, hash) ? covered.event.data : verifiedPayload(covered, hash);
  const text = proved && utf8Text(withoutTrailingNuls(proved));
  return text === undefined || text === "" || /(?![\n\t])\p{Cc}/u.test(text) ? [] : [text];
}

/**
 * Firmware measures the variable whether it is on, off or without a value, so one of three digests is there. A host that feeds firmware bytes of
 * its choice can add the digest of "on" (by a table that is measured as it is), but cannot take that of "off" away.
 */
function secureBootOf(covered: readonly CoveredEvent[], hash: LogHash): boolean | undefined {
  const measured = new Set(digestsOf(covered, FIRMWARE_REGISTER));
  const has = (...value: readonly number[]): boolean => {
    const variable = encodeEfiVariable({ guid: EFI_GLOBAL_VARIABLE, name: "SecureBoot", value: Uint8Array.from(value) });
    return measured.has(hash.digest(variable).toHex());
  };
  if (has(0) || has()) return has(1) ? undefined : false;
  return has(1) ? true : undefined;
}

function runtimeEventsOf(covered: readonly CoveredEvent[], hash: LogHash): JsonObject[] | undefined {
  const events: JsonObject[] = [];
  for (const one of covered.filter(({ event }) => event.index === RUNTIME_REGISTER)) {
    if (!isDigestOf(one, hash)) return undefined;
    // Told by its bytes, which the digest proves; the record's type proves nothing.
    if (!hasAaelTag(one.event.data)) continue;
    const text = aaelText(one.event.data);
    const event = text === undefined ? undefined : parseAael(text);
    if (event === undefined) return undefined;
    events.push({ ...event, content: contentValue(event.content) });
  }
  return events;
}
