import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLogger } from "../../src/system/index.ts";
import { sendUnixDatagram } from "../../src/system/libc-datagram.ts";
import { serviceManager } from "../../src/system/service-manager.ts";
import { DatagramReceiver } from "./datagram-receiver.ts";

const silent = createLogger("silent");

/** @param work  is given the path of a socket, first one of the file system, then an abstract one */
function onSockets(work: (receiver: DatagramReceiver, path: string) => void): void {
  const folder = mkdtempSync(join(tmpdir(), "cai-notify-"));
  for (const path of [join(folder, "socket"), `@cai-test-${process.pid}-${performance.now()}`]) {
    const receiver = new DatagramReceiver(path);
    work(receiver, path);
    receiver.close();
  }
  rmSync(folder, { recursive: true });
}

describe("a datagram", () => {
  test("reaches a socket of the file system and an abstract one whole", () => {
    onSockets((receiver, path) => {
      sendUnixDatagram(path, Buffer.from("READY=1\nSTATUS=é"));
      expect(receiver.receive()).toBe("READY=1\nSTATUS=é");
    });
  });

  test("to nobody is an error, and so is a path that no socket can have", () => {
    expect(() => sendUnixDatagram("/nowhere/socket", new Uint8Array(1))).toThrow("ENOENT");
    expect(() => sendUnixDatagram(`/${"x".repeat(108)}`, new Uint8Array(1))).toThrow(RangeError);
  });
});

describe("a service manager", () => {
  test("is told when the service is ready, reloads and stops", () => {
    onSockets((receiver, path) => {
      const manager = serviceManager({ NOTIFY_SOCKET: path }, silent);
      manager.ready("ready at\nhttp://x");
      expect(receiver.receive()).toBe("READY=1\nSTATUS=ready at http://x");
      manager.reloading();
      expect(receiver.receive()).toMatch(/^RELOADING=1\nMONOTONIC_USEC=\d+$/);
      manager.stopping();
      expect(receiver.receive()).toBe("STOPPING=1");
    });
  });

  test("that is not there costs one line of the log, and where there is none nothing is said", () => {
    const log: string[] = [];
    const logger = createLogger("info", true, (line) => log.push(line));
    serviceManager({ NOTIFY_SOCKET: "/nowhere/socket" }, logger).ready("");
    expect(log).toHaveLength(1);
    for (const socket of [undefined, "", "vsock:2:1", "relative"]) {
      serviceManager(socket === undefined ? {} : { NOTIFY_SOCKET: socket }, logger).ready("");
    }
    expect(log).toHaveLength(1);
  });
});
