import { afterAll, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Stream, type StreamAddress, SystemError, streamAddress } from "../../src/system/index.ts";
import { errorId } from "../crypto/certificate-testing.ts";

const folder = mkdtempSync(join(tmpdir(), "cai-stream-"));
afterAll(() => rmSync(folder, { recursive: true }));

function code(call: () => unknown): string | undefined {
  try {
    call();
  } catch (error) {
    if (error instanceof SystemError) return error.code;
    throw error;
  }
  return undefined;
}

describe("the address of a stream socket", () => {
  test("is a port of the host, a port of another machine, or a socket file", () => {
    expect(streamAddress("vsock:4050")).toEqual({ kind: "vsock", cid: 2, port: 4050 });
    expect(streamAddress("vsock:3:4294967295")).toEqual({ kind: "vsock", cid: 3, port: 4294967295 });
    expect(streamAddress("unix:/var/run/tdx-qgs/qgs.socket")).toEqual({ kind: "unix", path: "/var/run/tdx-qgs/qgs.socket" });
  });

  test("is refused in any other form", () => {
    for (const text of [
      "",
      "4050",
      "vsock:",
      "vsock:x",
      "vsock:1:2:3",
      "vsock:4294967296",
      "vsock:-1",
      "unix:",
      `unix:/${"x".repeat(108)}`,
      "unix:/a\0b",
    ]) {
      expect(errorId(() => streamAddress(text))).toBe("cli.setting-invalid");
    }
  });
});

/** Starts a server in a process of its own, for a stream blocks the thread that uses it. */
async function server(python: string, ...args: string[]): Promise<{ first: string; stop: () => Promise<number> }> {
  const child = Bun.spawn(["python3", "-c", `import os, socket, sys\n${python}`, ...args], { stdin: "pipe", stdout: "pipe" });
  const { value } = await child.stdout.getReader().read();
  return {
    first: new TextDecoder().decode(value).trim(),
    stop: () => {
      child.kill();
      return child.exited;
    },
  };
}

const python = Bun.which("python3") !== null;
if (!python) console.warn("tests of stream sockets are skipped: they need python3 for the other end");
const loopback = python && existsSync("/sys/module/vsock_loopback");
if (!loopback) console.warn("a test over vsock is skipped: this kernel has no vsock_loopback");

const ECHO = `
s.listen()
print(s.getsockname()[1] if s.family == socket.AF_VSOCK else "ready", flush=True)
while True:
    c, _ = s.accept()
    while d := c.recv(1000):
        c.sendall(d)
    c.close()
`;

function echoes(address: StreamAddress): void {
  const stream = Stream.connect(address, 30_000);
  const message = Uint8Array.from({ length: 70_000 }, (_, at) => at % 251);
  for (let at = 0; at < message.length; at += 35_000) {
    stream.send(message.subarray(at, at + 35_000));
    expect(stream.receive(35_000)).toEqual(message.slice(at, at + 35_000));
  }
  stream.close();
}

describe.skipIf(!python)("a stream", () => {
  test("carries bytes both ways through a socket file", async () => {
    const path = join(folder, "echo");
    const { stop } = await server(`s = socket.socket(socket.AF_UNIX)\ns.bind(sys.argv[1])${ECHO}`, path);
    echoes({ kind: "unix", path });
    await stop();
  });

  test.skipIf(!loopback)("carries bytes both ways through vsock", async () => {
    const { first, stop } = await server(
      `s = socket.socket(socket.AF_VSOCK)\ns.bind((socket.VMADDR_CID_ANY, socket.VMADDR_PORT_ANY))${ECHO}`,
    );
    echoes({ kind: "vsock", cid: 1, port: Number(first) });
    await stop();
  });

  test("gives what came before the other end closed", async () => {
    const path = join(folder, "short");
    const { stop } = await server(
      `s = socket.socket(socket.AF_UNIX)\ns.bind(sys.argv[1])\ns.listen()\nprint("ready", flush=True)\nc, _ = s.accept()\nc.sendall(b"abc")\nc.close()\nsys.stdin.read()`,
      path,
    );
    const stream = Stream.connect({ kind: "unix", path }, 30_000);
    expect(Buffer.from(stream.receive(10)).toString()).toBe("abc");
    stream.close();
    await stop();
  });

  test("is given up at its deadline", async () => {
    const path = join(folder, "silent");
    const { stop } = await server(
      `s = socket.socket(socket.AF_UNIX)\ns.bind(sys.argv[1])\ns.listen()\nprint("ready", flush=True)\nsys.stdin.read()`,
      path,
    );
    const stream = Stream.connect({ kind: "unix", path }, 30);
    expect(code(() => stream.receive(1))).toBe("ETIMEDOUT");
    stream.close();
    await stop();
  });
});

test("a socket that nobody listens at is an error, and leaves no descriptor open", () => {
  const before = openDescriptors();
  expect(code(() => Stream.connect({ kind: "unix", path: join(folder, "nothing") }, 1000))).toBe("ENOENT");
  // Those of others may have been closed meanwhile.
  expect(openDescriptors().filter((name) => !before.includes(name))).toEqual([]);
});

function openDescriptors(): string[] {
  return [...new Bun.Glob("*").scanSync({ cwd: "/proc/self/fd", onlyFiles: false })];
}
