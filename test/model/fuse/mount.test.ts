import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import {
  constants,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { type Mount, mountFuse } from "../../../src/model/index.ts";
import { closeDescriptor, PinnedMemory, readAt } from "../../../src/system/index.ts";
import { bytesOf, type Planned, sealTree, type TestArtefact } from "./artefact.ts";
import { kernel, run, script, Workbench } from "./kernel.ts";

// Far above what any of these takes: a busy machine is no failure.
setDefaultTimeout(60_000);

const CHUNK = 65536;
const SIZES = [
  1,
  15,
  16,
  17,
  4095,
  4096,
  4097,
  CHUNK - 1,
  CHUNK,
  CHUNK + 1,
  2 * CHUNK,
  2 * CHUNK + 1,
  5 * CHUNK - 1,
  1048576,
  1048577,
  3_333_333,
];
const CHECKSUMS = `
import { lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
const walk = (folder, below) => {
  for (const name of readdirSync(folder)) {
    const path = folder + "/" + name;
    const kind = lstatSync(path);
    if (kind.isSymbolicLink()) console.log(below + name, "->", readlinkSync(path));
    else if (kind.isDirectory()) { console.log(below + name, "/"); walk(path, below + name + "/"); }
    else console.log(below + name, new Bun.CryptoHasher("sha256").update(readFileSync(path)).digest("hex"));
  }
};
walk(process.argv[1], "");
`;

function shown(tree: readonly Planned[]): string[] {
  const bytesAt = new Map(tree.flatMap((each) => ("bytes" in each ? [[each.path, each.bytes] as const] : [])));
  return tree.map((each) => {
    if ("target" in each) return `${each.path} -> ${each.target}`;
    const bytes = "same" in each ? bytesAt.get(each.same) : "bytes" in each ? each.bytes : undefined;
    return bytes === undefined ? `${each.path} /` : `${each.path} ${new Bun.CryptoHasher("sha256").update(bytes).digest("hex")}`;
  });
}

describe.skipIf(!kernel)("a mounted model", () => {
  const bench = new Workbench();
  const deep = Array.from({ length: 40 }, (_, depth) => Array.from({ length: depth + 1 }, (_, at) => `ordner-${at}`).join("/"));
  const tree: Planned[] = [
    { path: "Gewichte für 模型 🦙.bin", bytes: bytesOf(300_000, 1), mtime: 1_600_000_000 },
    { path: "empty", bytes: new Uint8Array() },
    { path: "link", target: "sizes/65537" },
    ...deep.map((path) => ({ path })),
    { path: `${deep.at(-1)}/leaf`, bytes: bytesOf(70_000, 2) },
    { path: "run me", bytes: bytesOf(10, 3), executable: true },
    { path: "sizes" },
    ...SIZES.map((size) => ({ path: `sizes/${size}`, bytes: bytesOf(size, size) })),
    { path: "twin", same: "run me" },
    { path: `${"n".repeat(255)}`, bytes: bytesOf(5, 4) },
    { path: "wrong utf8: ", bytes: bytesOf(5, 5) },
  ];
  let sealed: TestArtefact;
  let mount: Mount;
  const big = "sizes/3333333";
  const bigBytes = bytesOf(3_333_333, 3_333_333);

  beforeAll(async () => {
    // Parts of 128 KiB make chunks straddle tar members, epochs of 3 chunks make keys change within a file.
    sealed = sealTree(bench.file("model.tar"), tree, { part: 131072, epoch: 3 });
    mount = await bench.keep(
      mountFuse(await sealed.open(), bench.mountpoint("model"), { onFault: (error) => expect(error).toBeUndefined() }),
    );
  });
  afterAll(() => bench.end());
  const at = (path: string) => join(mount.mountpoint, path);

  test("shows every name, link and byte of the tree", async () => {
    const { out, err } = await script(CHECKSUMS, mount.mountpoint);
    expect(err).toBe("");
    expect(out.toString().trimEnd().split("\n").sort()).toEqual(shown(tree).sort());
  });

  test("gives random ranges exactly, through the page cache and around it", async () => {
    const handle = await open(at(big), constants.O_RDONLY);
    const direct = await open(at(big), constants.O_RDONLY | constants.O_DIRECT);
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 3_340_000 }),
        fc.integer({ min: 1, max: 1_500_000 }),
        fc.boolean(),
        async (offset, length, past) => {
          const buffer = Buffer.alloc(length);
          let done = 0;
          for (let count = -1; count !== 0 && done < length; done += count) {
            ({ bytesRead: count } = await (past ? direct : handle).read(buffer, done, length - done, offset + done));
          }
          expect(done).toBe(Math.max(0, Math.min(length, bigBytes.length - offset)));
          expect(buffer.subarray(0, done).equals(bigBytes.subarray(offset, offset + done))).toBe(true);
        },
      ),
      { numRuns: 60 },
    );
    await handle.close();
    await direct.close();
  });

  test("can be mapped into memory", async () => {
    const { out, err } = await script(
      `import { dlopen, toArrayBuffer } from "bun:ffi";
import { openSync, statSync } from "node:fs";
const { mmap } = dlopen("libc.so.6", { mmap: { args: ["ptr", "u64", "i32", "i32", "i32", "i64"], returns: "ptr" } }).symbols;
const [fd, size, PROT_READ, MAP_PRIVATE] = [openSync(process.argv[1], "r"), statSync(process.argv[1]).size, 1, 2];
const mapped = new Uint8Array(toArrayBuffer(mmap(null, size, PROT_READ, MAP_PRIVATE, fd, 0), 0, size));
console.log(mapped.slice(3000000, 3000010).toHex(), mapped.slice(65535, 65537).toHex(), new Bun.CryptoHasher("sha256").update(mapped).digest("hex"));`,
      at(big),
    );
    expect(err).toBe("");
    expect(out.toString().trim()).toBe(
      [
        Buffer.from(bigBytes.subarray(3_000_000, 3_000_010)).toString("hex"),
        Buffer.from(bigBytes.subarray(65_535, 65_537)).toString("hex"),
        new Bun.CryptoHasher("sha256").update(bigBytes).digest("hex"),
      ].join(" "),
    );
  });

  test("has the modes, owner, times, links and block size that it should", async () => {
    const { out } = await run([
      "stat",
      "-c",
      "%a %u %h %Y %o %s",
      at("run me"),
      at("twin"),
      at("Gewichte für 模型 🦙.bin"),
      mount.mountpoint,
    ]);
    const uid = process.getuid?.();
    expect(out.toString().trim().split("\n")).toEqual([
      `500 ${uid} 2 0 ${CHUNK} 10`,
      `500 ${uid} 2 0 ${CHUNK} 10`,
      `400 ${uid} 1 1600000000 ${CHUNK} 300000`,
      `500 ${uid} 2 0 ${CHUNK} 0`,
    ]);
  });

  test("is mounted read-only, without set-uid, devices or execution", () => {
    const line =
      readFileSync("/proc/self/mounts", "utf8")
        .split("\n")
        .find((each) => each.includes(mount.mountpoint)) ?? "";
    const [source, , type, options] = line.split(" ");
    expect([source, type]).toEqual(["cai-model", "fuse.cai"]);
    expect(options?.split(",")).toEqual(expect.arrayContaining(["ro", "nosuid", "nodev", "noexec", "default_permissions"]));
    expect(options).not.toContain("allow_other");
  });

  test("refuses every way of writing as a read-only file system", async () => {
    const { out } = await script(
      `import * as fs from "node:fs";
const f = process.argv[1] + "/empty";
const tried = (call) => { try { call(); return "done"; } catch (error) { return error.code; } };
console.log([() => fs.openSync(f, "w"), () => fs.openSync(f + "2", "wx"), () => fs.mkdirSync(f + "3"), () => fs.unlinkSync(f),
  () => fs.renameSync(f, f + "4"), () => fs.chmodSync(f, 0o777), () => fs.utimesSync(f, 1, 1), () => fs.symlinkSync("a", f + "5"),
  () => fs.linkSync(f, f + "6"), () => fs.truncateSync(f, 3), () => fs.chownSync(f, 1, 1)].map(tried).join(" "));`,
      mount.mountpoint,
    );
    expect(out.toString().trim()).toBe(Array(11).fill("EROFS").join(" "));
  });

  test("does not run what is executable", async () => {
    expect((await run(["sh", "-c", `exec "$0"`, at("run me")])).err).toContain("ermission denied");
  });

  test("is closed to other users", async () => {
    const { code, err } = await run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "cat", at("empty")]);
    expect(code).toBe(1);
    expect(err).toContain("Permission denied");
  });

  test("answers a second read from the page cache, without asking this program", async () => {
    await run(["cat", at("sizes/1048576")]);
    const before = mount.stats()?.reads;
    expect((await run(["cat", at("sizes/1048576")])).out.length).toBe(1048576);
    expect(mount.stats()?.reads).toBe(before as number);
  });

  test("stays right under many readers while the collector runs all the time", async () => {
    const handles = await Promise.all(Array.from({ length: 8 }, () => open(at(big), constants.O_RDONLY | constants.O_DIRECT)));
    let collecting = true;
    const collector = (async () => {
      while (collecting) {
        Bun.gc(true);
        await new Promise(setImmediate);
      }
    })();
    await Promise.all(
      handles.map(async (handle, reader) => {
        for (let round = 0; round < 40; round++) {
          const offset = (((round * 8 + reader) * 7919) % 800) * 4096;
          const { buffer, bytesRead } = await handle.read(Buffer.alloc(262_144), 0, 262_144, offset);
          expect(buffer.subarray(0, bytesRead).equals(bigBytes.subarray(offset, offset + 262_144))).toBe(true);
        }
        await handle.close();
      }),
    );
    collecting = false;
    await collector;
  });

  test("counts what it gave out", () => {
    expect(mount.stats()).toMatchObject({ corrupt: 0 });
    expect(mount.stats()?.bytes).toBeGreaterThan(3_333_333);
  });
});

describe.skipIf(!kernel)("a mount", () => {
  const bench = new Workbench();
  afterAll(() => bench.end());
  const small: Planned[] = [{ path: "a", bytes: bytesOf(200_000, 9) }];

  test("lists ten thousand files", async () => {
    const names = Array.from({ length: 10_000 }, (_, at) => `file-${String(at).padStart(5, "0")}`);
    const sealed = sealTree(
      bench.file("many.tar"),
      names.map((path, at) => ({ path, bytes: at % 100 === 0 ? bytesOf(3, at) : new Uint8Array() })),
    );
    const mount = await bench.keep(mountFuse(await sealed.open(), bench.mountpoint("many")));
    const { out } = await run(["ls", "-l", mount.mountpoint]);
    const lines = out.toString().trim().split("\n").slice(1);
    expect(lines.map((line) => line.split(" ").at(-1))).toEqual(names);
    await mount.unmount();
  });

  test("with `all` is open to every user, with a user and group to them only", async () => {
    const as = async (uid: number, gid: number, file: string) =>
      (await run(["setpriv", `--reuid=${uid}`, `--regid=${gid}`, "--clear-groups", "cmp", "-n", "9", file, file])).code;
    // The folders above the mount point must let other users through.
    await run(["chmod", "755", bench.folder]);
    const sealed = sealTree(bench.file("open.tar"), small);
    const all = await bench.keep(mountFuse(await sealed.open(), bench.mountpoint("all"), { allow: "all" }));
    expect(await as(65534, 65534, join(all.mountpoint, "a"))).toBe(0);
    const one = await bench.keep(mountFuse(await sealed.open(), bench.mountpoint("one"), { allow: { uid: 1234, gid: 55 } }));
    expect(await as(1234, 1, join(one.mountpoint, "a"))).toBe(0);
    expect(await as(4321, 55, join(one.mountpoint, "a"))).toBe(0);
    expect(await as(4321, 56, join(one.mountpoint, "a"))).toBe(2);
    const user = await bench.keep(mountFuse(await sealed.open(), bench.mountpoint("user"), { allow: { uid: 1234 } }));
    expect(await as(1234, 1, join(user.mountpoint, "a"))).toBe(0);
    expect(await as(4321, 55, join(user.mountpoint, "a"))).toBe(2);
  });

  test("of one artefact does not disturb another", async () => {
    const one = sealTree(bench.file("one.tar"), [{ path: "a", bytes: bytesOf(500_000, 1) }]);
    const two = sealTree(bench.file("two.tar"), [{ path: "a", bytes: bytesOf(500_000, 2) }], { chunk: 4096 });
    const first = await bench.keep(mountFuse(await one.open(), bench.mountpoint("first")));
    const second = await bench.keep(mountFuse(await two.open(), bench.mountpoint("second")));
    const read = async (mount: Mount) => new Uint8Array((await run(["cat", join(mount.mountpoint, "a")])).out);
    const [left, right] = await Promise.all([read(first), read(second)]);
    expect(Buffer.compare(left, bytesOf(500_000, 1))).toBe(0);
    expect(Buffer.compare(right, bytesOf(500_000, 2))).toBe(0);
    await first.unmount();
    expect(Buffer.compare(await read(second), bytesOf(500_000, 2))).toBe(0);
  });

  test("works with the smallest and the largest chunk, and with one thread", async () => {
    for (const chunk of [4096, 4 * 1024 * 1024]) {
      const bytes = bytesOf(5_000_001, chunk);
      const sealed = sealTree(bench.file(`${chunk}.tar`), [{ path: "a", bytes }], { chunk, part: 1_048_576 });
      const mount = await bench.keep(mountFuse(await sealed.open(), bench.mountpoint(`chunk-${chunk}`), { workers: 1 }));
      expect((await run(["cat", join(mount.mountpoint, "a")])).out.equals(bytes)).toBe(true);
      await mount.unmount();
    }
  });

  test("gives EIO for a damaged block, only there, and says which", async () => {
    const bytes = bytesOf(10 * CHUNK + 5, 7);
    const sealed = sealTree(bench.file("damaged.tar"), [
      { path: "bad", bytes },
      { path: "good", bytes: bytesOf(100_000, 8) },
    ]);
    const fd = openSync(sealed.file, "r+");
    const place = sealed.position("bad", 4) + 1234;
    const memory = new PinnedMemory(1);
    readAt(fd, memory, 0, 1, place);
    writeSync(fd, Uint8Array.of((memory.bytes[0] ?? 0) ^ 0x10), 0, 1, place);
    closeDescriptor(fd);
    const told: string[] = [];
    const mount = await bench.keep(
      mountFuse(await sealed.open(), bench.mountpoint("damaged"), {
        onCorrupt: (path, chunk, error) => told.push(`${error.id} ${path} ${chunk}`),
      }),
    );
    const { out } = await script(
      `import { openSync, readFileSync, readSync } from "node:fs";
const fd = openSync(process.argv[1], "r");
const plain = readFileSync(process.argv[2]);
const page = Buffer.alloc(4096);
const seen = [];
for (let at = 0; at < 10 * 65536; at += 4096) {
  try { seen.push(readSync(fd, page, 0, 4096, at) === 4096 && page.equals(plain.subarray(at, at + 4096)) ? "ok" : "wrong"); }
  catch (error) { seen.push(error.code); }
}
console.log(seen.join(" "));`,
      join(mount.mountpoint, "bad"),
      plainFile("plain", bytes),
    );
    const pages = out.toString().trim().split(" ");
    expect(pages).toEqual(Array.from({ length: 160 }, (_, page) => (Math.floor(page / 16) === 4 ? "EIO" : "ok")));
    expect((await run(["cat", join(mount.mountpoint, "good")])).out.equals(bytesOf(100_000, 8))).toBe(true);
    expect(told).toEqual(["model.block-corrupt bad 4"]);
    expect(mount.stats()?.corrupt).toBeGreaterThan(0);
  });

  test("gives EIO, not zeros, where the archive was cut after mounting", async () => {
    const sealed = sealTree(bench.file("cut.tar"), [{ path: "a", bytes: bytesOf(10 * CHUNK, 7) }]);
    const told: string[] = [];
    const mount = await bench.keep(
      mountFuse(await sealed.open(), bench.mountpoint("cut"), {
        onCorrupt: (path, chunk, error) => told.push(`${error.id} ${path} ${chunk}`),
      }),
    );
    truncateSync(sealed.file, sealed.position("a", 9) + 100);
    const { code, err } = await run(["dd", `if=${join(mount.mountpoint, "a")}`, "of=/dev/null", `bs=${CHUNK}`, "skip=9"]);
    expect(code).toBe(1);
    expect(err).toContain("Input/output error");
    expect(told).toEqual(["model.source-failed a 9"]);
  });

  test("ends while a file is open: reads fail, the key is wiped, the folder is free", async () => {
    const sealed = sealTree(bench.file("busy.tar"), small);
    const artefact = await sealed.open();
    const mount = await mountFuse(artefact, bench.mountpoint("busy"));
    const handle = await open(join(mount.mountpoint, "a"), constants.O_RDONLY | constants.O_DIRECT);
    expect((await handle.read(Buffer.alloc(4096), 0, 4096, 0)).bytesRead).toBe(4096);
    await Promise.all([mount.unmount(), mount.unmount()]);
    await mount.closed;
    expect(await handle.read(Buffer.alloc(4096), 0, 4096, 4096).catch((error) => error.code)).toBe("ENOTCONN");
    await handle.close();
    expect(artefact.prk.every((byte) => byte === 0)).toBe(true);
    expect(readdirSync(mount.mountpoint)).toEqual([]);
    await mount.unmount();
  });

  test("ends although another mount namespace has a copy of it", async () => {
    const sealed = sealTree(bench.file("copied.tar"), small);
    const mount = await mountFuse(await sealed.open(), bench.mountpoint("copied"));
    // A child in a namespace of its own, which got its copy of the mount when it started and keeps it while it waits.
    const child = Bun.spawn(["unshare", "--mount", "--propagation", "private", "sh", "-c", "echo there; read _"], {
      stdin: "pipe",
      stdout: "pipe",
    });
    expect(Buffer.from((await child.stdout.getReader().read()).value ?? []).toString()).toBe("there\n");
    await mount.unmount();
    await mount.closed;
    child.stdin.end();
    await child.exited;
  });

  test("ends by itself when somebody else unmounts it", async () => {
    const sealed = sealTree(bench.file("outside.tar"), small);
    const artefact = await sealed.open();
    const mount = await mountFuse(artefact, bench.mountpoint("outside"));
    expect((await run(["umount", mount.mountpoint])).code).toBe(0);
    await mount.closed;
    expect(artefact.prk.every((byte) => byte === 0)).toBe(true);
  });

  /** Starts `serve.ts` and waits until its mount is there. */
  async function serveElsewhere(mountpoint: string, environment: Record<string, string> = {}): Promise<ReturnType<typeof Bun.spawn>> {
    const command = [process.execPath, join(import.meta.dir, "serve.ts"), `${mountpoint}-served.tar`, mountpoint];
    const child = Bun.spawn(command, { stdout: "pipe", stderr: "inherit", env: { ...process.env, ...environment } });
    bench.adopt(child, mountpoint);
    const { value } = await child.stdout.getReader().read();
    expect(Buffer.from(value ?? []).toString()).toBe("ready\n");
    return child;
  }

  test("gives right bytes while the collector of each serving thread runs after every few allocations", async () => {
    const mountpoint = bench.mountpoint("collected");
    const child = await serveElsewhere(mountpoint, { BUN_JSC_slowPathAllocsBetweenGCs: "5" });
    const { out, err } = await script(
      `import { constants } from "node:fs";
import { open } from "node:fs/promises";
const seen = new Set();
await Promise.all([1, 2, 3, 4].map(async () => {
  const file = await open(process.argv[1], constants.O_RDONLY | constants.O_DIRECT);
  for (let round = 0; round < 40; round++) {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(262144), 0, 262144, 0);
    seen.add(new Bun.CryptoHasher("sha256").update(buffer.subarray(0, bytesRead)).digest("hex"));
  }
}));
console.log([...seen].join(" "));`,
      join(mountpoint, "a"),
    );
    expect([out.toString().trim(), err]).toEqual([new Bun.CryptoHasher("sha256").update(bytesOf(200_000, 9)).digest("hex"), ""]);
    child.kill("SIGTERM");
    expect(await child.exited).toBe(0);
  });

  test("that a killed server left behind is taken away by the next one", async () => {
    const sealed = sealTree(bench.file("stale.tar"), small);
    const mountpoint = bench.mountpoint("stale");
    const child = await serveElsewhere(mountpoint);
    expect((await run(["cat", join(mountpoint, "a")])).out.length).toBe(200_000);
    child.kill("SIGKILL");
    await child.exited;
    expect((await run(["cat", join(mountpoint, "a")])).err).toContain("not connected");
    const mount = await bench.keep(mountFuse(await sealed.open(), mountpoint));
    expect((await run(["cat", join(mountpoint, "a")])).out.equals(bytesOf(200_000, 9))).toBe(true);
    await mount.unmount();
    expect(readFileSync("/proc/self/mounts", "utf8")).not.toContain(mountpoint);
  });

  test.skipIf(!existsSync("/usr/bin/fusermount3"))("is made for an ordinary user by fusermount3, for that user only", async () => {
    const own = bench.mountpoint("rootless");
    const mountpoint = bench.mountpoint("rootless/mnt");
    await run(["chmod", "755", bench.folder]);
    await run(["chown", "-R", "65534:65534", own]);
    const node = bench.file("device");
    await run(["mknod", "-m", "666", node, "c", "10", "229"]);
    // Only in a mount namespace of its own is the device open to everybody.
    const user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    const server = [...user, process.execPath, join(import.meta.dir, "serve.ts"), join(own, "served.tar"), mountpoint];
    const child = Bun.spawn(["unshare", "--mount", "sh", "-c", 'mount --bind "$0" /dev/fuse && exec "$@"', node, ...server], {
      stdout: "pipe",
      stderr: "inherit",
    });
    bench.adopt(child, mountpoint);
    const { value } = await child.stdout.getReader().read();
    expect(Buffer.from(value ?? []).toString()).toBe("ready\n");
    const inside = ["nsenter", "-t", String(child.pid), "-m"];
    expect((await run([...inside, ...user, "cat", join(mountpoint, "a")])).out.equals(bytesOf(200_000, 9))).toBe(true);
    expect((await run([...inside, "cat", join(mountpoint, "a")])).err).toContain("Permission denied");
    expect((await run([...inside, "cat", "/proc/self/mounts"])).out.toString()).toMatch(
      new RegExp(`cai-model ${mountpoint} fuse.cai ro,nosuid,nodev,noexec,`),
    );
    child.kill("SIGTERM");
    expect(await child.exited).toBe(0);
  });

  test("that the kernel refuses leaves no mount, no thread and no key", async () => {
    const sealed = sealTree(bench.file("rejected.tar"), small);
    const artefact = await sealed.open();
    const mountpoint = bench.mountpoint("rejected");
    const error = await mountFuse(artefact, mountpoint, { readAheadKb: -1 }).catch((thrown) => thrown);
    expect([error.id, error.got]).toEqual(["model.mount-failed", expect.stringContaining("EINVAL")]);
    expect(artefact.prk.every((byte) => byte === 0)).toBe(true);
    expect(readFileSync("/proc/self/mounts", "utf8")).not.toContain(mountpoint);
    const mount = await bench.keep(mountFuse(await sealed.open(), mountpoint));
    await mount.unmount();
  });

  test("is refused where it would hide, cover or miss something, and leaves no key behind", async () => {
    const sealed = sealTree(bench.file("refused.tar"), small);
    const refused = async (mountpoint: string) => {
      const artefact = await sealed.open();
      const error = await mountFuse(artefact, mountpoint).catch((thrown) => thrown);
      expect(artefact.prk.every((byte) => byte === 0)).toBe(true);
      return error.id;
    };
    const used = bench.mountpoint("used");
    writeFileSync(join(used, "mine"), "");
    expect(await refused(used)).toBe("model.mountpoint-unsuitable");
    expect(await refused(join(used, "mine"))).toBe("model.mountpoint-unsuitable");
    expect(await refused(join(used, "missing"))).toBe("model.mountpoint-missing");
    expect(await refused("/proc")).toBe("model.mountpoint-busy");
    const mount = await bench.keep(mountFuse(await sealed.open(), bench.mountpoint("taken")));
    const link = bench.file("link");
    symlinkSync(mount.mountpoint, link);
    expect(await refused(mount.mountpoint)).toBe("model.mountpoint-busy");
    expect(await refused(link)).toBe("model.mountpoint-busy");
  });

  function plainFile(name: string, bytes: Uint8Array): string {
    const path = bench.file(name);
    rmSync(path, { force: true });
    writeFileSync(path, bytes);
    expect(existsSync(path)).toBe(true);
    return path;
  }
});

test.skipIf(!kernel)("an artefact that is no local file is not mounted by FUSE", async () => {
  const bench = new Workbench();
  const artefact = await sealTree(bench.file("remote.tar"), [{ path: "a", bytes: new Uint8Array(10) }]).open();
  const { size, read, close } = artefact.source;
  const source = { size, read: read.bind(artefact.source), close: close.bind(artefact.source) };
  expect(await mountFuse({ ...artefact, source }, bench.mountpoint("remote")).catch((error) => error.id)).toBe("model.source-remote");
  await bench.end();
});
