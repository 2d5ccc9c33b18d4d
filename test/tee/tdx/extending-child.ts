import { readFileSync, writeSync } from "node:fs";
import { aaelEvent, EVENT_TYPE, SHA384 } from "../../../src/tee/eventlog/index.ts";
import { simulatedTdxAttester, updateSimulatedTd } from "../../../src/tee/tdx/index.ts";

// A process of its own: extends a shared simulated machine some times, or holds its lock until it is killed.
const [path, name, count] = process.argv.slice(2) as [string, string, string];
if (count === "hold") {
  await updateSimulatedTd(path, (td) => {
    writeSync(1, "locked\n");
    // Returns only when whoever started this process ends.
    readFileSync(0);
    return td;
  });
}
const attester = simulatedTdxAttester(path);
for (let i = 0; i < Number(count); i++) {
  const { data, digest } = aaelEvent({ domain: "d", operation: "o", content: `${name}-${i}` }, SHA384);
  await attester.extend?.(3, digest, { type: EVENT_TYPE.EV_EVENT_TAG, data });
}
