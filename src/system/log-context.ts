import { AsyncLocalStorage } from "node:async_hooks";
import type { LogFields, Logger } from "./log.ts";

const request = new AsyncLocalStorage<string>();

/** Does work on behalf of one request; whatever is logged meanwhile by a logger of {@link requestLogger} says which. */
export function onBehalfOf<T>(requestId: string, work: () => T): T {
  return request.run(requestId, work);
}

/** @returns a logger whose lines name the request that they are about, where there is one, as `request` */
export function requestLogger(logger: Logger): Logger {
  const named = (fields: LogFields | undefined): LogFields | undefined => {
    const id = request.getStore();
    return id === undefined ? fields : { ...fields, request: id };
  };
  return {
    debug: (message, fields) => logger.debug(message, named(fields)),
    info: (message, fields) => logger.info(message, named(fields)),
    warn: (message, fields) => logger.warn(message, named(fields)),
    error: (message, fields) => logger.error(message, named(fields)),
  };
}
