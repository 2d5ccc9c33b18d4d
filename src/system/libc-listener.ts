import { constants, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { CaiError } from "./error.ts";
import { SystemError } from "./ffi/errno.ts";
import { lastErrno, libc } from "./ffi/library.ts";
import { startArguments, structure } from "./ffi/memory.ts";
import { closeDescriptor, openDevice } from "./libc.ts";

/** Linux: asm-generic/socket.h, sys/epoll.h */
const SOL_SOCKET = 1;
const SO_ACCEPTCONN = 30;
const O_CLOEXEC = 0o2000000;
const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_DEL = 2;
/** struct epoll_event: u32 events, u64 data; packed on x86-64 only */
const EVENT = process.arch === "x64" ? { size: 12, data: 4 } : { size: 16, data: 8 };

const DESCRIPTORS = "/proc/self/fd";

/** @returns the descriptors of this process that are listening sockets */
export function listeningDescriptors(): Set<number> {
  const found = new Set<number>();
  for (const name of readdirSync(DESCRIPTORS)) {
    startArguments();
    const value = structure(4);
    const length = structure(4);
    length.bytes[0] = 4;
    const failed = libc().getsockopt(Number(name), SOL_SOCKET, SO_ACCEPTCONN, value.address, length.address) !== 0;
    if (!failed && value.bytes[0] === 1) found.add(Number(name));
  }
  return found;
}

/**
 * Gives a listening socket to another server of this process, whole: not even connections that wait in it are lost, and its address is never free.
 * The server that had it keeps the connections that it accepted, and hears of no new one; the socket that the other one had opened ends.
 *
 * The runtime waits for connections by epoll(7), which knows a socket by its number and what that means, and forgets it when the last number that
 * means it closes. So the server that had the socket stops to wait for it; the other's number is made to mean it, and is waited for again with the
 * word by which the runtime knows that number.
 *
 * @param from  the descriptor by which it is listened on
 * @param to    that of a listening socket of the other server
 * @throws CaiError `internal.not-supported-here` where the runtime waits in another way: nothing has changed then
 * @throws SystemError
 */
export function handOverListener(from: number, to: number): void {
  const before = waiting(from);
  const { epoll, events, data } = waiting(to);
  replaceDescriptor(from, to);
  control(epoll, EPOLL_CTL_ADD, to, { events, data });
  // What is left is not known to fail; until here the server that had the socket still has it.
  control(before.epoll, EPOLL_CTL_DEL, from);
  const nothing = openDevice("/dev/null", constants.O_RDONLY);
  try {
    // The number stays taken until the server that had the socket closes it.
    replaceDescriptor(nothing, from);
  } finally {
    closeDescriptor(nothing);
  }
}

/** proc_pid_fdinfo(5): where a descriptor is waited for, for what, and with which word. */
function waiting(fd: number): { readonly epoll: number; readonly events: number; readonly data: bigint } {
  for (const name of readdirSync(DESCRIPTORS)) {
    if (!linkOf(name).endsWith("[eventpoll]")) continue;
    const line = new RegExp(`^tfd:\\s+${fd}\\s+events:\\s+([0-9a-f]+)\\s+data:\\s+([0-9a-f]+)\\b`, "m");
    const [, events, data] = line.exec(readFileSync(`/proc/self/fdinfo/${name}`, "utf8")) ?? [];
    // The kernel adds EPOLLERR and EPOLLHUP, and takes them back.
    if (events !== undefined) return { epoll: Number(name), events: Number.parseInt(events, 16), data: BigInt(`0x${data}`) };
  }
  throw new CaiError("internal.not-supported-here", "the runtime does not wait for connections by epoll");
}

/** Those of the directory itself are gone when they are looked at. */
function linkOf(name: string): string {
  try {
    return readlinkSync(`${DESCRIPTORS}/${name}`);
  } catch {
    return "";
  }
}

function control(epoll: number, operation: number, fd: number, { events, data } = { events: 0, data: 0n }): void {
  startArguments();
  const { bytes, address } = structure(EVENT.size);
  const view = new DataView(bytes.buffer, bytes.byteOffset, EVENT.size);
  view.setUint32(0, events, true);
  view.setBigUint64(EVENT.data, data, true);
  if (libc().epoll_ctl(epoll, operation, fd, address) !== 0) throw new SystemError("epoll_ctl", lastErrno(), `descriptor ${fd}`);
}

function replaceDescriptor(by: number, fd: number): void {
  if (libc().dup3(by, fd, O_CLOEXEC) < 0) throw new SystemError("dup3", lastErrno(), `descriptor ${fd}`);
}
