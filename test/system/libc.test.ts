import { afterAll, beforeAll, expect, test } from "bun:test";
import { constants, mkdtempSync, openSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  closeDescriptor,
  Errno,
  errnoName,
  FilesystemMagic,
  filesystemMagic,
  GatherWriter,
  ioctl,
  openDevice,
  PinnedMemory,
  readAt,
  readDescriptor,
  SystemError,
  tryLock,
  unmountFilesystem,
  writeDescriptor,
} from "../../src/system/index.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "libc-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function thrown(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  throw new Error("expected an error");
}

test("a failed call names itself, the errno and the path, as the runtime's own file errors do", () => {
  const path = join(folder, "missing-ü");
  const error = thrown(() => openDevice(path, constants.O_RDONLY));
  expect(error).toBeInstanceOf(SystemError);
  expect(error).toMatchObject({ code: "ENOENT", errno: Errno.ENOENT, syscall: "open" });
  expect((error as Error).message).toContain(path);
});

test("an errno without a name in the table is shown by its number", () => {
  expect(errnoName(Errno.ENOTCONN)).toBe("ENOTCONN");
  expect(errnoName(4095)).toBe("E4095");
});

test("a path with NUL inside is refused instead of naming another file", () => {
  expect(thrown(() => openDevice("/etc/passwd\0.txt", constants.O_RDONLY))).toBeInstanceOf(RangeError);
});

test("a descriptor is closed to child processes", () => {
  const fd = openDevice("/dev/null", constants.O_RDWR);
  const flags = /flags:\s+([0-7]+)/.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "utf8"))?.[1];
  expect(Number.parseInt(flags ?? "0", 8) & 0o2000000).not.toBe(0);
  closeDescriptor(fd);
});

test("a range is read whole, up to the end of the file, at offsets beyond 4 GiB", () => {
  const path = join(folder, "far");
  const far = 5 * 2 ** 30 + 123;
  const fd = openSync(path, "w+");
  writeSync(fd, Buffer.from("0123456789"), 0, 10, far);
  const memory = new PinnedMemory(64);
  expect(readAt(fd, memory, 7, 10, far)).toBe(10);
  expect(Buffer.from(memory.bytes.subarray(7, 17)).toString()).toBe("0123456789");
  expect(readAt(fd, memory, 0, 64, far + 6)).toBe(4);
  expect(readAt(fd, memory, 0, 64, far + 10)).toBe(0);
  expect(thrown(() => readAt(fd, memory, 60, 5, 0))).toBeInstanceOf(RangeError);
  closeDescriptor(fd);
  expect(thrown(() => readAt(fd, memory, 0, 1, 0))).toMatchObject({ code: "EBADF" });
  truncateSync(path, 0);
});

test("a message in pieces of every size arrives in order, while the collector runs", () => {
  const path = join(folder, "gathered");
  const fd = openSync(path, "w+");
  const writer = new GatherWriter(64);
  const sizes = [0, 1, 16, 999, 1000, 1001, 4095, 4096, 65536, 3];
  const expected: Buffer[] = [];
  for (let round = 0; round < 50; round++) {
    const parts = sizes.map((size, index) => new Uint8Array(size).fill(round * 7 + index));
    expected.push(Buffer.concat(parts));
    expect(writer.write(fd, parts)).toBe(sizes.reduce((sum, size) => sum + size, 0));
    if (round % 10 === 0) Bun.gc(true);
  }
  closeDescriptor(fd);
  expect(readFileSync(path).equals(Buffer.concat(expected))).toBe(true);
  expect(thrown(() => writer.write(fd, new Array<Uint8Array>(65).fill(new Uint8Array(1))))).toBeInstanceOf(RangeError);
});

test("reading answers the errno as a negative number, and writing throws it", () => {
  const memory = new PinnedMemory(16);
  const directory = openSync(folder, "r");
  expect(readDescriptor(directory, memory)).toBe(-Errno.EISDIR);
  expect(thrown(() => writeDescriptor(directory, memory, 4))).toMatchObject({ code: "EBADF", syscall: "write" });
  closeDescriptor(directory);
});

test("a lock keeps a second opener out until the first one closes", () => {
  const path = join(folder, "lock");
  writeFileSync(path, "");
  const first = openSync(path, "r+");
  const second = openSync(path, "r+");
  expect(tryLock(first)).toBe(true);
  expect(tryLock(second)).toBe(false);
  closeDescriptor(first);
  expect(tryLock(second)).toBe(true);
  closeDescriptor(second);
});

test("ioctl hands the kernel's answer back", () => {
  const FIONREAD = 0x541b;
  const path = join(folder, "count");
  writeFileSync(path, "12345");
  const fd = openSync(path, "r");
  const answer = new Uint8Array(4);
  ioctl(fd, FIONREAD, answer);
  expect(answer).toEqual(new Uint8Array([5, 0, 0, 0]));
  expect(thrown(() => ioctl(fd, 0xe500, answer))).toMatchObject({ code: "ENOTTY" });
  closeDescriptor(fd);
});

test("the file system of a path is known by its magic", () => {
  expect(filesystemMagic("/dev/shm")).toBe(FilesystemMagic.tmpfs);
  expect(filesystemMagic("/proc")).toBe(0x9fa0);
  expect(thrown(() => filesystemMagic(join(folder, "nothing")))).toMatchObject({ code: "ENOENT", syscall: "statfs" });
});

test("unmounting something that is no mount fails, also through a symbolic link", () => {
  const link = join(folder, "link");
  symlinkSync("/", link);
  expect(["EINVAL", "EPERM"]).toContain((thrown(() => unmountFilesystem(link, 0)) as SystemError).code);
  expect(["EINVAL", "EPERM"]).toContain((thrown(() => unmountFilesystem(folder, 0)) as SystemError).code);
});
