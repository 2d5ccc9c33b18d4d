import { CaiError } from "../../src/system/index.ts";

/** The id of the CaiError that `run` throws, undefined where it returns; any other error passes through and fails the test. */
export function errorId(run: () => unknown): string | undefined {
  try {
    run();
  } catch (error) {
    if (error instanceof CaiError) return error.id;
    throw error;
  }
  return undefined;
}
