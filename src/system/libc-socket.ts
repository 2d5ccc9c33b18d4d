import { Errno, SystemError } from "./ffi/errno.ts";
import { lastErrno, libc } from "./ffi/library.ts";
import { startArguments, structure } from "./ffi/memory.ts";

/** Linux: sys/socket.h */
const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const MSG_CMSG_CLOEXEC = 0x40000000;
const MSG_DONTWAIT = 0x40;

/** struct iovec, struct msghdr, and a control message with one descriptor, where pointers have 64 bits */
const IOVEC = 16;
const MSGHDR = 56;
const CMSG_HEADER = 16;
const CMSG_SPACE = 24;

/** Two connected sockets, closed to child processes unless handed to one. @throws SystemError */
export function socketPair(): [number, number] {
  startArguments();
  const { bytes, address } = structure(8);
  if (libc().socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, address) !== 0) throw new SystemError("socketpair", lastErrno());
  const view = new DataView(bytes.buffer, bytes.byteOffset, 8);
  return [view.getInt32(0, true), view.getInt32(4, true)];
}

/**
 * Takes the descriptor that another process has sent over a socket (unix(7), SCM_RIGHTS), without waiting.
 *
 * @returns undefined where the message carries none, or the other end is closed
 * @throws SystemError `EAGAIN` where nothing was sent
 */
export function receiveDescriptor(socket: number): number | undefined {
  startArguments();
  const byte = structure(1);
  const vector = structure(IOVEC);
  const control = structure(CMSG_SPACE);
  const message = structure(MSGHDR);
  words(vector.bytes).set([BigInt(byte.address), 1n]);
  // name, its length, vector, its length, control, its length, flags
  words(message.bytes).set([0n, 0n, BigInt(vector.address), 1n, BigInt(control.address), BigInt(CMSG_SPACE), 0n]);
  let count: number;
  do count = Number(libc().recvmsg(socket, message.address, MSG_CMSG_CLOEXEC | MSG_DONTWAIT));
  while (count < 0 && lastErrno() === Errno.EINTR);
  if (count < 0) throw new SystemError("recvmsg", lastErrno());
  const view = new DataView(control.bytes.buffer, control.bytes.byteOffset, CMSG_SPACE);
  const held =
    Number(words(message.bytes)[5]) >= CMSG_HEADER + 4 && view.getInt32(8, true) === SOL_SOCKET && view.getInt32(12, true) === SCM_RIGHTS;
  return held ? view.getInt32(CMSG_HEADER, true) : undefined;
}

function words(bytes: Uint8Array): BigUint64Array {
  return new BigUint64Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 8);
}
