import { dlopen, ptr } from "bun:ffi";

const { symbols } = dlopen("libc.so.6", {
  socket: { args: ["i32", "i32", "i32"], returns: "i32" },
  bind: { args: ["i32", "ptr", "u32"], returns: "i32" },
  setsockopt: { args: ["i32", "i32", "i32", "ptr", "u32"], returns: "i32" },
  recv: { args: ["i32", "ptr", "u64", "i32"], returns: "i64" },
  close: { args: ["i32"], returns: "i32" },
});
const [AF_UNIX, SOCK_DGRAM, SOL_SOCKET, SO_RCVTIMEO] = [1, 2, 1, 20];
const TIMEOUT_SECONDS = 20n;

/** A service manager's socket: one that receives datagrams, in the file system or (`@…`) in the abstract name space. */
export class DatagramReceiver {
  readonly #fd: number;

  constructor(path: string) {
    this.#fd = symbols.socket(AF_UNIX, SOCK_DGRAM, 0);
    const timeout = BigInt64Array.of(TIMEOUT_SECONDS, 0n);
    symbols.setsockopt(this.#fd, SOL_SOCKET, SO_RCVTIMEO, ptr(timeout), 16);
    const name = path.startsWith("@") ? `\0${path.slice(1)}` : `${path}\0`;
    const address = Buffer.concat([Buffer.from(Uint16Array.of(AF_UNIX).buffer), Buffer.from(name)]);
    if (symbols.bind(this.#fd, ptr(address), address.length) !== 0) throw new Error(`cannot bind ${path}`);
  }

  /** Waits for the next datagram, on this thread. */
  receive(): string {
    const buffer = new Uint8Array(4096);
    const count = Number(symbols.recv(this.#fd, ptr(buffer), buffer.length, 0));
    if (count < 0) throw new Error("no datagram came");
    return Buffer.from(buffer.subarray(0, count)).toString();
  }

  close(): void {
    symbols.close(this.#fd);
  }
}
