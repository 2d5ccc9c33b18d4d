import { afterAll, afterEach, describe, expect, test } from "bun:test";
import { constants } from "node:fs";
import { mkdir, open, readdir, readFile, rmdir, stat, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { closeDescriptor, ioctl, openDevice } from "../../../../../src/system/index.ts";
import { parseQuote } from "../../../../../src/tee/tdx/index.ts";
import { REPORT_DATA } from "../../testing.ts";
import { extended } from "./fake-guest.ts";
import { Provider } from "./faults.ts";
import { canMount, GuestKernel } from "./guest-kernel.ts";

/** @returns the errno's name of a file operation that fails */
const errno = (operation: Promise<unknown>) =>
  operation.then(
    () => "done",
    (error: NodeJS.ErrnoException) => error.code,
  );

describe.skipIf(!canMount)("a fake kernel", () => {
  const kernel = canMount ? GuestKernel.start({ qgsConfig: "port = 4050\n" }) : undefined!;
  afterAll(() => kernel?.stop());
  afterEach(() => kernel.faults.clear());

  let entries = 0;
  const newEntry = async () => {
    const entry = join(kernel.paths.configfsRoot, `entry-${++entries}`);
    await mkdir(entry);
    return { entry, file: (name: string) => join(entry, name) };
  };
  const text = async (path: string) => await readFile(path, "utf8");

  test("makes attributes with an entry and takes them away with it", async () => {
    const { entry, file } = await newEntry();
    expect((await readdir(entry)).sort()).toEqual(["generation", "inblob", "outblob", "provider"]);
    expect([await text(file("provider")), await text(file("generation"))]).toEqual(["tdx_guest\n", "0\n"]);
    expect(await errno(mkdir(entry))).toBe("EEXIST");
    expect([await errno(unlink(file("inblob"))), await errno(writeFile(file("new"), ""))]).toEqual(["EPERM", "EPERM"]);
    await rmdir(entry);
    expect(await errno(stat(entry))).toBe("ENOENT");
    expect(await errno(rmdir(join(kernel.root, "sys/kernel/config/tsm/report")))).toBe("EPERM");
  });

  test("lets `inblob` only be written and `outblob` only be read, by root too", async () => {
    const { entry, file } = await newEntry();
    const opened = (name: string, flags: number) => errno(open(file(name), flags).then((handle) => handle.close()));
    expect(await opened("inblob", constants.O_RDONLY)).toBe("EACCES");
    expect(await opened("inblob", constants.O_RDWR)).toBe("EACCES");
    for (const name of ["outblob", "provider", "generation"]) expect(await opened(name, constants.O_WRONLY)).toBe("EACCES");
    await rmdir(entry);
  });

  test("gives a quote over what was written, the same until something is written again", async () => {
    const { entry, file } = await newEntry();
    expect(await errno(readFile(file("outblob")))).toBe("EINVAL");
    await writeFile(file("inblob"), REPORT_DATA);
    expect(await text(file("generation"))).toBe("1\n");
    const quote = await readFile(file("outblob"));
    expect(parseQuote(quote).body.report.reportData).toEqual(REPORT_DATA);
    expect(await readFile(file("outblob"))).toEqual(quote);
    await writeFile(file("inblob"), new Uint8Array(64).fill(1));
    expect(await text(file("generation"))).toBe("2\n");
    expect(await readFile(file("outblob"))).not.toEqual(quote);
    await rmdir(entry);
  });

  test("says that report data has another size only when a quote is asked for, and that it is too long at once", async () => {
    const { entry, file } = await newEntry();
    await writeFile(file("inblob"), new Uint8Array(48));
    expect(await text(file("generation"))).toBe("1\n");
    expect(await errno(readFile(file("outblob")))).toBe("EINVAL");
    expect(await errno(writeFile(file("inblob"), new Uint8Array(65)))).toBe("EFBIG");
    await rmdir(entry);
  });

  test("takes what was written when the file is closed, as configfs does", async () => {
    const { entry, file } = await newEntry();
    const handle = await open(file("inblob"), "w");
    await handle.write(REPORT_DATA.subarray(0, 32));
    await handle.write(REPORT_DATA.subarray(32));
    expect(await text(file("generation"))).toBe("0\n");
    await handle.close();
    expect(await text(file("generation"))).toBe("1\n");
    expect(parseQuote(await readFile(file("outblob"))).body.report.reportData).toEqual(REPORT_DATA);
    await rmdir(entry);
  });

  test("fails as told: busy, timed out, interrupted, refused by the host, written to by somebody else", async () => {
    const { entry, file } = await newEntry();
    kernel.faults.set("inblobBusy", 1);
    expect(await errno(writeFile(file("inblob"), REPORT_DATA))).toBe("EBUSY");
    kernel.faults.set("inblobDropped", 1);
    await writeFile(file("inblob"), REPORT_DATA);
    expect(await text(file("generation"))).toBe("0\n");
    await writeFile(file("inblob"), REPORT_DATA);
    for (const [fault, code] of [
      ["outblobBusy", "EBUSY"],
      ["outblobTimeout", "ETIMEDOUT"],
      ["outblobIo", "EIO"],
    ] as const) {
      kernel.faults.set(fault, 1);
      expect(await errno(readFile(file("outblob")))).toBe(code);
    }
    kernel.faults.set("raced", 1);
    expect(parseQuote(await readFile(file("outblob"))).body.report.reportData).not.toEqual(REPORT_DATA);
    expect(await text(file("generation"))).toBe("2\n");
    await rmdir(entry);
  });

  test("has privilege levels where the driver has them, and no entries where there is no driver", async () => {
    kernel.faults.set("provider", Provider.sev);
    const { entry, file } = await newEntry();
    expect(await text(file("provider"))).toBe("sev_guest\n");
    expect(await errno(writeFile(file("privlevel"), "4\n"))).toBe("EINVAL");
    expect(await errno(writeFile(file("privlevel"), "none\n"))).toBe("EINVAL");
    await writeFile(file("privlevel"), "2\n");
    expect(await text(file("generation"))).toBe("1\n");
    await rmdir(entry);
    kernel.faults.set("provider", Provider.none);
    expect(await errno(mkdir(join(kernel.paths.configfsRoot, "none")))).toBe("ENXIO");
  });

  test("extends a register by 48 bytes in one write, and by nothing else", async () => {
    const path = join(kernel.paths.sysfsMeasurements, "rtmr3:sha384");
    const before = await readFile(path);
    const digest = new Uint8Array(48).fill(5);
    expect(await errno(writeFile(path, digest.subarray(1)))).toBe("EINVAL");
    expect(await readFile(path)).toEqual(before);
    await writeFile(path, digest);
    expect((await readFile(path)).toHex()).toBe(extended(before, digest).toHex());
  });

  test("answers the ioctl calls of the guest device over the same registers", async () => {
    const fd = openDevice(kernel.paths.devicePaths[0]!, constants.O_RDWR);
    const argument = new Uint8Array(64 + 1024);
    argument.set(REPORT_DATA);
    ioctl(fd, 0xc4405401, argument);
    const before = argument.slice(64 + 864, 64 + 912);
    expect((await readFile(join(kernel.paths.sysfsMeasurements, "rtmr3:sha384"))).toHex()).toBe(before.toHex());
    const event = new Uint8Array(49).fill(6, 0, 48);
    event[48] = 3;
    ioctl(fd, 0x40315403, event);
    ioctl(fd, 0xc4405401, argument);
    expect(argument.slice(64 + 864, 64 + 912).toHex()).toBe(extended(before, event.subarray(0, 48)).toHex());
    event[48] = 1;
    expect(() => ioctl(fd, 0x40315403, event)).toThrow("EINVAL");
    expect(() => ioctl(fd, 0x5400, new Uint8Array(8))).toThrow("ENOTTY");
    closeDescriptor(fd);
  });
});
