import { Errno, SystemError } from "./ffi/errno.ts";
import { lastErrno, libc } from "./ffi/library.ts";
import { startArguments, structure } from "./ffi/memory.ts";
import { closeDescriptor } from "./libc.ts";

/** Linux: sys/socket.h, sys/un.h */
const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
/** struct sockaddr_un: family u16, path [108] */
const FAMILY = 2;
const MAX_PATH = 108;

/**
 * Sends one datagram to a socket in the file system, or in the abstract name space (unix(7)), without waiting.
 *
 * @param path  an absolute path, or `@` and an abstract name
 * @throws SystemError `EAGAIN` where the receiver takes no more now; `ENOENT`, `ECONNREFUSED` where there is none
 * @throws RangeError where the path is too long
 */
export function sendUnixDatagram(path: string, message: Uint8Array): void {
  const name = Buffer.from(path);
  if (name.length >= MAX_PATH) throw new RangeError(`the path of a socket has less than ${MAX_PATH} bytes`);
  const fd = libc().socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) throw new SystemError("socket", lastErrno(), path);
  try {
    startArguments();
    const body = structure(message.length);
    body.bytes.set(message);
    // An abstract name begins with a NUL and ends with the address; a path ends with a NUL.
    const abstract = name[0] === "@".charCodeAt(0);
    const target = structure(FAMILY + name.length + (abstract ? 0 : 1));
    target.bytes[0] = AF_UNIX;
    target.bytes.set(abstract ? name.subarray(1) : name, FAMILY + (abstract ? 1 : 0));
    const { address, bytes } = target;
    let sent: number;
    do sent = Number(libc().sendto(fd, body.address, message.length, MSG_DONTWAIT | MSG_NOSIGNAL, address, bytes.length));
    while (sent < 0 && lastErrno() === Errno.EINTR);
    if (sent < 0) throw new SystemError("sendto", lastErrno(), path);
  } finally {
    closeDescriptor(fd);
  }
}
