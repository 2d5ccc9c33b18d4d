/** The thread that answers a fake kernel's requests. It blocks in read(2), so whoever uses the mount must be another thread or process. */
import { PinnedMemory, readDescriptor, SystemError, writeDescriptor } from "../../../../../src/system/index.ts";
import { FakeGuest } from "./fake-guest.ts";
import { Faults } from "./faults.ts";
import { FuseAnswers, passes } from "./fuse-answers.ts";
import { type GuestFiles, guestTree } from "./guest-tree.ts";

export interface ServeOrder {
  /** the FUSE device, its mount made and greeted */
  readonly device: number;
  readonly faults: SharedArrayBuffer;
  readonly files: GuestFiles;
  readonly rtmrs: readonly Uint8Array[] | undefined;
}

export type ServeReport = { readonly step: string } | { readonly ended: number };

declare const self: Worker;

self.onmessage = ({ data: { device, faults, files, rtmrs } }: MessageEvent<ServeOrder>) => {
  const told = (step: string) => self.postMessage({ step } satisfies ServeReport);
  const answers = new FuseAnswers(guestTree(new FakeGuest(rtmrs), new Faults(faults), files, told));
  const memory = new PinnedMemory(256 * 1024);
  for (;;) {
    const length = readDescriptor(device, memory);
    if (length < 0 && passes(-length)) continue;
    if (length < 0) {
      self.postMessage({ ended: -length } satisfies ServeReport);
      return;
    }
    const reply = answers.answer(memory.bytes.slice(0, length));
    if (reply === undefined) continue;
    memory.bytes.set(reply);
    try {
      writeDescriptor(device, memory, reply.length);
    } catch (error) {
      // The caller was interrupted and waits no more.
      if (!(error instanceof SystemError) || error.code !== "ENOENT") throw error;
    }
  }
};
