export { type AaelEvent, aaelEvent } from "./aael.ts";
export { type DigestName, type LogHash, SHA384 } from "./algorithm.ts";
export { eventLogClaims } from "./claims.ts";
export { encodeLogEvent, encodeLogHeader, joinEventLog } from "./encode.ts";
export { measuredFacts } from "./facts.ts";
export { unprovedLabels } from "./labels.ts";
export { type EventLog, type LogEvent, MAX_LOG_BYTES, parseEventLog, replayEventLog } from "./log.ts";
export { type EventRow, eventLogRows } from "./table.ts";
