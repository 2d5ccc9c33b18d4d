import { CaiError } from "../src/system/index.ts";

/** @returns the CaiError that `action` throws; anything else fails the test */
export function rejection(action: () => unknown): CaiError {
  try {
    action();
  } catch (error) {
    if (error instanceof CaiError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

/** @returns the CaiError that a promise is rejected with; anything else fails the test */
export async function asyncRejection(promise: Promise<unknown>): Promise<CaiError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof CaiError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}
