export {
  type CommandHost,
  createProgress,
  defineVerb,
  errorText,
  type FlagSpec,
  type FlagValues,
  formatBytes,
  formatTable,
  groupUsage,
  nearest,
  type Progress,
  printable,
  printSettings,
  reportError,
  runVerb,
  type SettingSource,
  type Verb,
  type VerbContext,
} from "./command/index.ts";
export { refuseUnsafeEnvironment } from "./environment.ts";
export { CaiError, type ErrorDetails } from "./error.ts";
export { type CatalogueEntry, catalogue, type ErrorId, type QuoteReason } from "./errors/index.ts";
export { hardenProcess, processHardening } from "./hardening.ts";
export { createHttpClient, type HttpClient, type HttpClientOptions, type HttpRequest, type HttpResponse, isLoopbackHost } from "./http.ts";
export type { JsonObject, JsonValue } from "./json.ts";
export {
  closeDescriptor,
  Errno,
  type ErrnoName,
  errnoName,
  GatherWriter,
  ioctl,
  ioctlBuffer,
  openDevice,
  PinnedMemory,
  readAt,
  readDescriptor,
  SystemError,
  tryLock,
  writeDescriptor,
} from "./libc.ts";
export { handOverListener, listeningDescriptors } from "./libc-listener.ts";
export {
  FilesystemMagic,
  filesystemMagic,
  type MountCall,
  MountFlag,
  mountFilesystem,
  UnmountFlag,
  unmountFilesystem,
} from "./libc-mount.ts";
export { receiveDescriptor, socketPair } from "./libc-socket.ts";
export { Stream, type StreamAddress, streamAddress } from "./libc-stream.ts";
export { createLogger, type LogFields, type Logger, type LogLevel } from "./log.ts";
export { onBehalfOf, requestLogger } from "./log-context.ts";
export { selfCommand } from "./self.ts";
export { type ServiceManager, serviceManager } from "./service-manager.ts";
export { activeSwap } from "./swap.ts";
export { readTextFile, readTextFileIfAny } from "./text-file.ts";
export { commit, commitTime, version } from "./version.ts";
export { writeWholeFile } from "./whole-file.ts";
export { startWorker } from "./worker.ts";
