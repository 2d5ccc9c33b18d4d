import type { Logger } from "../../system/index.ts";
import type { Metrics } from "./metrics.ts";
import { Recorder } from "./recorder.ts";
import type { Store } from "./store/index.ts";

/** A recorder that also counts what it records. */
export class MeasuredRecorder extends Recorder {
  readonly #metrics: Metrics;

  constructor(store: Store, logger: Logger, metrics: Metrics) {
    super(store, logger);
    this.#metrics = metrics;
  }

  override async record(...call: Parameters<Recorder["record"]>): Promise<string> {
    const start = performance.now();
    const id = await super.record(...call);
    this.#metrics.decided(call[0], (performance.now() - start) / 1000);
    return id;
  }
}
