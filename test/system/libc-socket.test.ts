import { expect, test } from "bun:test";
import { writeSync } from "node:fs";
import { closeDescriptor, receiveDescriptor, socketPair } from "../../src/system/index.ts";

const python = Bun.which("python3");
if (python === null) console.warn("a test that needs python3 to send a descriptor is skipped: it is not installed");

test.skipIf(python === null)("a descriptor that another process sends is received, and works", async () => {
  const [ours, theirs] = socketPair();
  const code =
    "import array, os, socket; s = socket.socket(fileno=3); s.sendmsg([b'x'], [(1, 1, array.array('i', [os.open('/proc/self/comm', 0)]))])";
  const child = Bun.spawn(["python3", "-c", code], { stdio: ["ignore", "ignore", "inherit", theirs] });
  expect(await child.exited).toBe(0);
  const fd = receiveDescriptor(ours);
  expect(fd).toBeGreaterThan(2);
  expect(await Bun.file(`/proc/self/fdinfo/${fd}`).text()).toContain("02100000");
  for (const each of [ours, theirs, fd ?? -1]) closeDescriptor(each);
});

test("nothing sent is an error, a message without a descriptor and a closed end are none", () => {
  const [ours, theirs] = socketPair();
  expect(() => receiveDescriptor(ours)).toThrow(expect.objectContaining({ code: "EAGAIN", syscall: "recvmsg" }));
  writeSync(theirs, "x");
  expect(receiveDescriptor(ours)).toBeUndefined();
  closeDescriptor(theirs);
  expect(receiveDescriptor(ours)).toBeUndefined();
  closeDescriptor(ours);
});
