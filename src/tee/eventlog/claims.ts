import { encodeBase64 } from "../../crypto/index.ts";
import type { JsonObject } from "../../system/index.ts";
import type { LogHash } from "./algorithm.ts";
import { eventDetails } from "./details.ts";
import { eventTypeName } from "./event-type.ts";
import { coveredEvents, type EventLog } from "./log.ts";
import { verifiedPayload } from "./payload.ts";

/**
 * The `uefi_event_logs` claim in the shape of the upstream verifiers (tdx.md §4.4, trustee.md §6.0), in log order, of the records that the
 * replayed registers cover. Call it for a log that was replayed to registers that something signed covers.
 *
 * Of each record, the register (`index`), its place among those of that register and its digest are then proved. Everything else is what the log
 * says: `details` and `event` are proved where `digest_matches_event` is true, `verified_payload` (ours: base64 of the part of `event` that the
 * digest is of) always, `type_name` never. Records of other registers, EV_NO_ACTION and digests of other algorithms are left out.
 *
 * @param hash  the registers' algorithm
 * @throws CaiError `eventlog.malformed` where a record has no digest of that algorithm
 */
export function eventLogClaims(log: EventLog, hash: LogHash): JsonObject[] {
  return coveredEvents(log, hash).map((covered) => {
    const { event, digest } = covered;
    const matches = Buffer.compare(hash.digest(event.data), digest) === 0;
    const payload = matches ? undefined : verifiedPayload(covered, hash);
    return {
      index: event.index,
      type_name: eventTypeName(event.type),
      digests: [{ alg: hash.name, digest: digest.toHex() }],
      event: encodeBase64(event.data),
      digest_matches_event: matches,
      details: eventDetails(event, matches),
      ...(payload !== undefined && { verified_payload: encodeBase64(payload) }),
    };
  });
}
