import { expect, test } from "bun:test";
import { openSync } from "node:fs";
import { accessFor } from "../../../src/model/fuse/access.ts";
import { createCounters, sumCounters } from "../../../src/model/fuse/counters.ts";
import { FuseThreads } from "../../../src/model/fuse/threads.ts";
import { closeDescriptor } from "../../../src/system/index.ts";

const core = { v: 1, id: new Uint8Array(32), cipher: "A256GCM", chunk: 4096, epoch: 1, part: 4096, stream: 0, index: 0 } as const;

function start(entries: readonly { kind: "directory"; path: string }[], faults: string[] = []): Promise<FuseThreads> {
  const access = accessFor("owner", 0, 0);
  return FuseThreads.start(2, {
    setup: { core, entries, access, source: -1, prk: new SharedArrayBuffer(32), counters: createCounters(2) },
    onFailedRead: () => undefined,
    onFault: (message) => faults.push(message),
  });
}

test("a thread that cannot read requests says why and has the mount ended, so that nobody waits for ever", async () => {
  const faults: string[] = [];
  const threads = await start([{ kind: "directory", path: "d" }], faults);
  const directory = openSync("/", "r");
  let died = 0;
  await threads.serve(() => died++, [directory, directory], { noOpen: true, noOpendir: true });
  expect([died, ...faults]).toEqual([2, "reading requests: EISDIR", "reading requests: EISDIR"]);
  closeDescriptor(directory);
  await threads.stop();
});

test("a tree that a thread cannot build is refused before anything is mounted", async () => {
  expect(await start([{ kind: "directory", path: "x/y" }]).catch((error) => error.id)).toBe("model.mount-failed");
});

test("counters of all threads add up, each lane its own", () => {
  const counters = createCounters(3);
  new Float64Array(counters).set([1, 2, 3, 4, 10, 20, 30, 40, 100, 200, 300, 2 ** 40]);
  expect(sumCounters(counters)).toEqual({ requests: 111, reads: 222, bytes: 333, corrupt: 2 ** 40 + 44 });
});
