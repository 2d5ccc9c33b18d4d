export { type AaelEvent, aaelEvent } from "./aael.ts";
export { type DigestName, type LogHash, SHA384 } from "./algorithm.ts";
export { eventLogClaims } from "./claims.ts";
export { encodeLogEvent, encodeLogHeader, joinEventLog } from "./encode.ts";
export { type EventLog, type LogEvent, parseEventLog, replayEventLog } from "./log.ts";
