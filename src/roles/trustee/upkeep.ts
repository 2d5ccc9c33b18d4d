import { CaiError, type ErrorId, type Logger } from "../../system/index.ts";

/**
 * Wraps what a trustee does again and again beside its requests. What keeps it from being done is logged when it begins and when it ends, and not
 * each time between: a database that is away for a night is two lines.
 *
 * @param work  may be done again where it failed
 * @returns does the work; never rejects
 */
export function upkeep(work: () => Promise<unknown>, logger: Pick<Logger, "error" | "info">): () => Promise<void> {
  let hindrance: ErrorId | undefined;
  return async () => {
    try {
      await work();
      if (hindrance !== undefined) logger.info("upkeep goes on", { after: hindrance });
      hindrance = undefined;
    } catch (cause) {
      const error = CaiError.from(cause);
      if (error.id !== hindrance) logger.error("upkeep failed", { error: error.id, reason: error.message });
      hindrance = error.id;
    }
  };
}
