export { CaiError, type ErrorDetails } from "./error.ts";
export { type CatalogueEntry, catalogue, type ErrorId } from "./errors/index.ts";
export { createHttpClient, type HttpClient, type HttpClientOptions, type HttpRequest, type HttpResponse, isLoopbackHost } from "./http.ts";
export type { JsonObject, JsonValue } from "./json.ts";
export { createLogger, type LogFields, type Logger, type LogLevel } from "./log.ts";
export { startWorker } from "./worker.ts";
