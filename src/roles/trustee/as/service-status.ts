import { CaiError, type JsonObject } from "../../../system/index.ts";
import { checkClock } from "../clock.ts";
import type { Store } from "../store/index.ts";

/**
 * Whether the attestation service can do its work (trustee.md §4.1). Anybody may ask, so that a dependency which fails is told by an error id only.
 */
export async function serviceStatus(store: Store, now: number): Promise<JsonObject> {
  const dependencies = [
    await dependency("storage", "store", () => store.ping()),
    await dependency("clock", "clock", () => checkClock(store, now)),
  ];
  const status = dependencies.every((each) => each["status"] === "ok") ? "ok" : "unhealthy";
  return { service: "attestation-service", status, dependencies };
}

async function dependency(kind: string, name: string, ask: () => Promise<unknown>): Promise<JsonObject> {
  try {
    await ask();
    return { kind, name, status: "ok" };
  } catch (error) {
    return { kind, name, status: "unhealthy", message: CaiError.from(error).id };
  }
}
