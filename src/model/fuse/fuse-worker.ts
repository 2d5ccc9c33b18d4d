/** One thread of the FUSE server: reads a request, answers it, and so on until the mount ends (model-format.md §5.4). */
import { Errno, GatherWriter, PinnedMemory, readDescriptor, SystemError } from "../../system/index.ts";
import type { Core } from "../core.ts";
import type { IndexEntry } from "../entry.ts";
import type { Access } from "./access.ts";
import { Counter, counterLane } from "./counters.ts";
import { FileReader, type ReadFailure } from "./file-reader.ts";
import { handleRequest } from "./handler.ts";
import { MAX_READ } from "./init.ts";
import { decodeHeader, encodeReplyHeader } from "./protocol.ts";
import { buildTree, type FileNode } from "./tree.ts";

/** What a thread needs before the mount exists. */
export interface Setup {
  readonly kind: "setup";
  readonly core: Core;
  readonly entries: readonly IndexEntry[];
  readonly access: Access;
  /** the archive */
  readonly source: number;
  /** 32 bytes, shared by all threads so that there is one copy to wipe */
  readonly prk: SharedArrayBuffer;
  /** counters of all threads, see `Counter` */
  readonly counters: SharedArrayBuffer;
  /** which part of the counters is this thread's own */
  readonly lane: number;
}

/** Starts the loop. */
export interface Serve {
  readonly kind: "serve";
  /** the FUSE device, opened and tied to the mount */
  readonly device: number;
  readonly noOpen: boolean;
  readonly noOpendir: boolean;
}

/** What a thread says. */
export type Report =
  | { readonly kind: "ready" }
  | { readonly kind: "failed-read"; readonly path: string; readonly chunk: number; readonly why: ReadFailure }
  | { readonly kind: "fault"; readonly message: string }
  | { readonly kind: "ended"; readonly errno: number };

/** Room for any request: the kernel demands 8 KiB at least, and the largest is a WRITE of 4 KiB that is refused. */
const REQUEST_SIZE = 128 * 1024;
/** Pieces of a reply: its header, and as many as the smallest chunks make of the largest read that starts within one. */
const REPLY_PIECES = MAX_READ / 4096 + 2;

declare const self: Worker;

let serving: ((order: Serve) => number) | undefined;

self.onmessage = ({ data }: MessageEvent<Setup | Serve>) => {
  if (data.kind === "setup") {
    serving = prepare(data);
    report({ kind: "ready" });
  } else if (serving !== undefined) {
    report({ kind: "ended", errno: serving(data) });
  }
};

function report(message: Report): void {
  self.postMessage(message);
}

function prepare({ core, entries, access, source, prk, counters, lane }: Setup): (order: Serve) => number {
  const tree = buildTree(entries, access, core.chunk);
  const counts = counterLane(counters, lane);
  const count = (place: number, by: number) => {
    counts[place] = (counts[place] ?? 0) + by;
  };
  const reader = new FileReader({
    fd: source,
    core,
    prk: new Uint8Array(prk),
    onFailure: ({ path }, chunk, why) => report({ kind: "failed-read", path, chunk, why }),
  });
  const read = ({ entry }: FileNode, offset: number, length: number) => {
    const pieces = reader.read(entry, offset, length);
    count(pieces === undefined ? Counter.corrupt : Counter.reads, 1);
    if (pieces !== undefined) count(Counter.bytes, length);
    return pieces;
  };
  const request = new PinnedMemory(REQUEST_SIZE);
  const writer = new GatherWriter(REPLY_PIECES);
  return ({ device, noOpen, noOpendir }) => {
    const options = { noOpen, noOpendir, blockSize: core.chunk };
    for (;;) {
      const length = readDescriptor(device, request);
      if (length >= 0) {
        count(Counter.requests, 1);
        answer(device, request.bytes.subarray(0, length), writer, (bytes) => handleRequest(bytes, tree, read, options));
      } else if (length !== -Errno.EINTR && length !== -Errno.EAGAIN && length !== -Errno.ENOENT) {
        // ENODEV: unmounted. ECONNABORTED: the connection was ended by force. Anything else will not pass by trying again.
        reader.wipe();
        return -length;
      }
    }
  };
}

/** Whatever goes wrong with one request, the kernel gets a reply: without one its caller would wait for ever. */
function answer(
  device: number,
  request: Uint8Array,
  writer: GatherWriter,
  handle: (bytes: Uint8Array) => readonly Uint8Array[] | undefined,
): void {
  try {
    const reply = handle(request);
    if (reply !== undefined) writer.write(device, reply);
  } catch (error) {
    // The caller was interrupted, or the mount ended: nobody waits for this reply any more.
    if (error instanceof SystemError && (error.errno === Errno.ENOENT || error.errno === Errno.ENODEV)) return;
    report({ kind: "fault", message: error instanceof Error ? error.message : String(error) });
    refuse(device, request, writer);
  }
}

function refuse(device: number, request: Uint8Array, writer: GatherWriter): void {
  const header = decodeHeader(request);
  if (header === undefined) return;
  try {
    writer.write(device, [encodeReplyHeader(header.unique, Errno.EIO, 0)]);
  } catch (error) {
    report({ kind: "fault", message: error instanceof Error ? error.message : String(error) });
  }
}
