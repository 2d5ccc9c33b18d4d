export {
  type CommandHost,
  createProgress,
  defineVerb,
  errorText,
  type FlagSpec,
  formatBytes,
  formatTable,
  groupUsage,
  nearest,
  type Progress,
  reportError,
  runVerb,
  type SettingSource,
  type Verb,
  type VerbContext,
} from "./command/index.ts";
export { refuseUnsafeEnvironment } from "./environment.ts";
export { CaiError, type ErrorDetails } from "./error.ts";
export { type CatalogueEntry, catalogue, type ErrorId } from "./errors/index.ts";
export { createHttpClient, type HttpClient, type HttpClientOptions, type HttpRequest, type HttpResponse, isLoopbackHost } from "./http.ts";
export type { JsonObject, JsonValue } from "./json.ts";
export { createLogger, type LogFields, type Logger, type LogLevel } from "./log.ts";
export { commit, version } from "./version.ts";
export { startWorker } from "./worker.ts";
