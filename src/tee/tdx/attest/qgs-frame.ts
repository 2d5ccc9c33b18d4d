import { MAX_QGS_MESSAGE, malformed } from "./qgs-message.ts";

/** The length before each message, big-endian, unlike everything in the message (tdx.md §3.3). */
const LENGTH = 4;

/** A stream to the service, as far as one exchange needs it. Its calls block. */
export interface ByteStream {
  send(bytes: Uint8Array): void;
  /** @returns fewer bytes than asked for only where the other end closed */
  receive(length: number): Uint8Array;
}

/** Puts its length before a message. */
export function frame(message: Uint8Array): Uint8Array {
  const framed = new Uint8Array(LENGTH + message.length);
  new DataView(framed.buffer).setUint32(0, message.length);
  framed.set(message, LENGTH);
  return framed;
}

/**
 * Sends a message and receives the one that answers it.
 *
 * @throws CaiError `tdx.qgs-malformed` where the answer ends early or is longer than any quote; what the stream throws
 */
export function exchange(stream: ByteStream, message: Uint8Array): Uint8Array {
  stream.send(frame(message));
  const length = stream.receive(LENGTH);
  if (length.length < LENGTH) throw malformed("length", `${LENGTH} bytes`, `${length.length} before the end`);
  const size = new DataView(length.buffer, length.byteOffset, LENGTH).getUint32(0);
  if (size > MAX_QGS_MESSAGE) throw malformed("length", `at most ${MAX_QGS_MESSAGE}`, `${size}`);
  const answer = stream.receive(size);
  if (answer.length < size) throw malformed("message", `${size} bytes`, `${answer.length} before the end`);
  return answer;
}

/** Takes the message out of a frame that is already whole in memory. @throws CaiError `tdx.qgs-malformed` where the length is another one */
export function unframe(framed: Uint8Array): Uint8Array {
  if (framed.length < LENGTH) throw malformed("length", `${LENGTH} bytes`, `${framed.length}`);
  const size = new DataView(framed.buffer, framed.byteOffset, LENGTH).getUint32(0);
  if (size !== framed.length - LENGTH) throw malformed("length", `${framed.length - LENGTH}`, `${size}`);
  return framed.subarray(LENGTH);
}
