import { CaiError } from "./error.ts";
import { Errno, SystemError } from "./ffi/errno.ts";
import { lastErrno, libc } from "./ffi/library.ts";
import { PinnedMemory, startArguments, structure } from "./ffi/memory.ts";
import { closeDescriptor } from "./libc.ts";

/** Where a stream socket leads: to a port of a virtual machine's host or guest, or to a socket file. */
export type StreamAddress =
  | { readonly kind: "vsock"; readonly cid: number; readonly port: number }
  | { readonly kind: "unix"; readonly path: string };

/** Linux: sys/socket.h, linux/vm_sockets.h, poll.h */
const AF_UNIX = 1;
const AF_VSOCK = 40;
const SOCK_STREAM = 1;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_ERROR = 4;
const MSG_NOSIGNAL = 0x4000;
const POLLIN = 1;
const POLLOUT = 4;
/** struct sockaddr_vm, and the longest struct sockaddr_un: family u16, path [108] */
const SOCKADDR_VM = 16;
const SOCKADDR_UN = 110;

/** Bytes that one send(2) or recv(2) moves at most. */
const STEP = 16 * 1024;
let buffer: PinnedMemory | undefined;

/**
 * Reads the address of a stream socket: `vsock:PORT` (the host), `vsock:CID:PORT` or `unix:PATH`.
 *
 * @throws CaiError `cli.setting-invalid`
 */
export function streamAddress(text: string): StreamAddress {
  const HOST = 2;
  const [, path] = /^unix:(.+)$/s.exec(text) ?? [];
  if (path !== undefined && Buffer.byteLength(path) < SOCKADDR_UN - 2 && !path.includes("\0")) return { kind: "unix", path };
  const [, cid, port] = /^vsock:(?:(\d{1,10}):)?(\d{1,10})$/.exec(text) ?? [];
  const numbers = [cid === undefined ? HOST : Number(cid), Number(port)] as const;
  if (port !== undefined && numbers.every((number) => number < 2 ** 32)) return { kind: "vsock", cid: numbers[0], port: numbers[1] };
  throw new CaiError("cli.setting-invalid", `${JSON.stringify(text)} is no address of a stream socket`, {
    expected: "vsock:PORT, vsock:CID:PORT or unix:PATH",
    got: text,
  });
}

/** A connected stream socket. Its calls block this thread, so it belongs on a thread of its own; all of them together have one deadline. */
export class Stream {
  readonly #fd: number;
  readonly #subject: string;
  readonly #deadline: number;

  private constructor(fd: number, subject: string, deadline: number) {
    this.#fd = fd;
    this.#subject = subject;
    this.#deadline = deadline;
  }

  /**
   * Connects.
   *
   * @param timeoutMs  milliseconds until this and every later call on the stream is given up
   * @throws SystemError `ETIMEDOUT` at the deadline; `EAFNOSUPPORT` where the kernel has no such sockets
   */
  static connect(address: StreamAddress, timeoutMs: number): Stream {
    const subject = address.kind === "unix" ? address.path : `vsock ${address.cid}:${address.port}`;
    const fd = libc().socket(address.kind === "unix" ? AF_UNIX : AF_VSOCK, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) throw new SystemError("socket", lastErrno(), subject);
    const stream = new Stream(fd, subject, performance.now() + timeoutMs);
    try {
      stream.#connect(address);
      return stream;
    } catch (error) {
      stream.close();
      throw error;
    }
  }

  /** Sends all of `bytes`. @throws SystemError */
  send(bytes: Uint8Array): void {
    const memory = stepBuffer();
    for (let done = 0; done < bytes.length; ) {
      const part = bytes.subarray(done, done + STEP);
      memory.bytes.set(part);
      done += this.#moved("send", POLLOUT, () => libc().send(this.#fd, memory.at(0), part.length, MSG_NOSIGNAL));
    }
  }

  /** @returns `length` bytes; fewer where the other end closed before. @throws SystemError */
  receive(length: number): Uint8Array {
    const memory = stepBuffer();
    const whole = new Uint8Array(length);
    let done = 0;
    while (done < length) {
      const count = this.#moved("recv", POLLIN, () => libc().recv(this.#fd, memory.at(0), Math.min(STEP, length - done), 0));
      if (count === 0) break;
      whole.set(memory.bytes.subarray(0, count), done);
      done += count;
    }
    return whole.subarray(0, done);
  }

  close(): void {
    closeDescriptor(this.#fd);
  }

  #connect(address: StreamAddress): void {
    startArguments();
    const name = structure(address.kind === "unix" ? SOCKADDR_UN : SOCKADDR_VM);
    const view = new DataView(name.bytes.buffer, name.bytes.byteOffset, name.bytes.byteLength);
    if (address.kind === "unix") {
      view.setUint16(0, AF_UNIX, true);
      name.bytes.set(Buffer.from(address.path, "utf8").subarray(0, SOCKADDR_UN - 3), 2);
    } else {
      view.setUint16(0, AF_VSOCK, true);
      view.setUint32(4, address.port, true);
      view.setUint32(8, address.cid, true);
    }
    if (libc().connect(this.#fd, name.address, name.bytes.byteLength) === 0) return;
    const errno = lastErrno();
    // An interrupted connect goes on by itself, as one in progress does (connect(2)).
    if (errno !== Errno.EINPROGRESS && errno !== Errno.EINTR) throw new SystemError("connect", errno, this.#subject);
    this.#wait(POLLOUT);
    const failed = this.#pendingError();
    if (failed !== 0) throw new SystemError("connect", failed, this.#subject);
  }

  #pendingError(): number {
    startArguments();
    const value = structure(4);
    const length = structure(4);
    new DataView(length.bytes.buffer, length.bytes.byteOffset, 4).setUint32(0, 4, true);
    if (libc().getsockopt(this.#fd, SOL_SOCKET, SO_ERROR, value.address, length.address) !== 0) return lastErrno();
    return new DataView(value.bytes.buffer, value.bytes.byteOffset, 4).getInt32(0, true);
  }

  #moved(syscall: string, events: number, call: () => number | bigint): number {
    for (;;) {
      this.#wait(events);
      const count = Number(call());
      if (count >= 0) return count;
      const errno = lastErrno();
      if (errno !== Errno.EAGAIN && errno !== Errno.EINTR) throw new SystemError(syscall, errno, this.#subject);
    }
  }

  /** Waits until one of the events holds. */
  #wait(events: number): void {
    for (;;) {
      const left = Math.ceil(this.#deadline - performance.now());
      if (left <= 0) throw new SystemError("poll", Errno.ETIMEDOUT, this.#subject);
      startArguments();
      const entry = structure(8);
      const view = new DataView(entry.bytes.buffer, entry.bytes.byteOffset, 8);
      view.setInt32(0, this.#fd, true);
      view.setInt16(4, events, true);
      const ready = libc().poll(entry.address, 1, left);
      if (ready > 0) return;
      if (ready < 0 && lastErrno() !== Errno.EINTR) throw new SystemError("poll", lastErrno(), this.#subject);
    }
  }
}

function stepBuffer(): PinnedMemory {
  buffer ??= new PinnedMemory(STEP);
  return buffer;
}
