import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Mount, mountTmpfs } from "../../src/model/index.ts";
import { memoryAvailable, memoryNeeded } from "../../src/model/mount-tmpfs.ts";
import { FilesystemMagic, filesystemMagic } from "../../src/system/index.ts";
import { bytesOf, type Planned, sealTree, type TestArtefact } from "./fuse/artefact.ts";
import { run } from "./fuse/kernel.ts";

// Far above what any of these takes: a busy machine is no failure.
setDefaultTimeout(60_000);

const mayMount = (await run(["unshare", "-m", "true"])).code === 0;
if (!mayMount) console.warn("tests that mount a tmpfs are skipped: this process may not mount");
const root = process.getuid?.() === 0;

const TREE: Planned[] = [
  { path: "a", bytes: bytesOf(300_000, 1) },
  { path: "empty", bytes: new Uint8Array() },
  { path: "link", target: "sub/run" },
  { path: "sub" },
  { path: "sub/run", bytes: bytesOf(70_000, 2), executable: true },
  { path: "sub/ü 模型", bytes: bytesOf(65_536, 3) },
];

let folder: string;
let sealed: TestArtefact;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "tmpfs-"));
  sealed = sealTree(join(folder, "model.tar"), TREE);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function mountpoint(name: string): string {
  const path = join(folder, name);
  mkdirSync(path);
  return path;
}

function expectTree(at: string): void {
  for (const planned of TREE) {
    if ("bytes" in planned) expect(readFileSync(join(at, planned.path)).equals(planned.bytes)).toBe(true);
    else if ("target" in planned) expect(readlinkSync(join(at, planned.path))).toBe(planned.target);
    else expect(statSync(join(at, planned.path)).isDirectory()).toBe(true);
  }
}

const mode = (path: string) => (statSync(path).mode & 0o7777).toString(8);

describe.skipIf(!mayMount)("a model in a tmpfs", () => {
  let mount: Mount;
  afterAll(() => mount.unmount());

  test("has every byte, in memory that is never swapped, and its key is wiped before anybody reads", async () => {
    const artefact = await sealed.open();
    const steps: number[] = [];
    mount = await mountTmpfs(artefact, mountpoint("model"), { progress: (done) => steps.push(done) });
    expect(artefact.prk.every((byte) => byte === 0)).toBe(true);
    expectTree(mount.mountpoint);
    expect(filesystemMagic(mount.mountpoint)).toBe(FilesystemMagic.tmpfs);
    expect(steps.at(-1)).toBe(435_536);
    expect([mount.notice, mount.stats()]).toEqual([undefined, undefined]);
  });

  test("is read-only, without set-uid, devices or execution, and the kernel was asked not to swap it", () => {
    const options =
      readFileSync("/proc/self/mountinfo", "utf8")
        .split("\n")
        .find((line) => line.includes(mount.mountpoint)) ?? "";
    for (const option of ["ro", "nosuid", "nodev", "noexec"]) expect(options.split(" ")[5]?.split(",")).toContain(option);
    if (kernelAtLeast(6, 4)) expect(options).toContain("noswap");
    expect(() => writeFileSync(join(mount.mountpoint, "b"), "")).toThrow(expect.objectContaining({ code: "EROFS" }));
  });

  test("is readable by its owner only", async () => {
    expect([mode(mount.mountpoint), mode(join(mount.mountpoint, "a")), mode(join(mount.mountpoint, "sub/run"))]).toEqual([
      "500",
      "400",
      "500",
    ]);
    if (root) {
      chmodSync(folder, 0o755);
      const { err } = await run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "cat", join(mount.mountpoint, "empty")]);
      expect(err).toContain("Permission denied");
    }
  });

  test("is gone after unmounting, also with a file open, and unmounting again does nothing", async () => {
    const file = Bun.file(join(mount.mountpoint, "a")).stream().getReader();
    await file.read();
    await mount.unmount();
    await mount.closed;
    await file.cancel();
    expect(readdirSync(mount.mountpoint)).toEqual([]);
    await mount.unmount();
  });

  test("notices that somebody else unmounted it", async () => {
    const other = await mountTmpfs(await sealed.open(), mountpoint("outside"));
    expect((await run(["umount", other.mountpoint])).code).toBe(0);
    await other.closed;
  });

  test.skipIf(!root)("belongs to another user where that is allowed", async () => {
    const other = await mountTmpfs(await sealed.open(), mountpoint("allowed"), { allow: { uid: 1234, gid: 55 } });
    const { uid, gid } = statSync(join(other.mountpoint, "sub/run"));
    expect([uid, gid, mode(join(other.mountpoint, "sub/run")), mode(join(other.mountpoint, "a"))]).toEqual([1234, 55, "550", "440"]);
    await other.unmount();
  });

  test("is not mounted where a block is damaged, and nothing stays behind", async () => {
    const damaged = sealTree(join(folder, "damaged.tar"), TREE);
    const bytes = readFileSync(damaged.file);
    const place = damaged.position("sub/run", 1) + 7;
    bytes[place] = (bytes[place] ?? 0) ^ 1;
    writeFileSync(damaged.file, bytes);
    const artefact = await damaged.open();
    const at = mountpoint("damaged");
    const error = await mountTmpfs(artefact, at).catch((thrown) => thrown);
    expect(error.id).toBe("model.block-corrupt");
    expect(artefact.prk.every((byte) => byte === 0)).toBe(true);
    expect(readFileSync("/proc/self/mounts", "utf8")).not.toContain(at);
    expect(readdirSync(at)).toEqual([]);
  });

  test("is refused on a folder that holds something or is not there", async () => {
    const used = mountpoint("used");
    writeFileSync(join(used, "mine"), "");
    expect((await mountTmpfs(await sealed.open(), used).catch((thrown) => thrown)).id).toBe("model.mountpoint-unsuitable");
    expect((await mountTmpfs(await sealed.open(), join(used, "no")).catch((thrown) => thrown)).id).toBe("model.mountpoint-missing");
  });
});

describe.skipIf(!root)("without the right to mount, a model", () => {
  const CHILD = `
import { mountTmpfs } from ${JSON.stringify(join(import.meta.dir, "../../src/model/index.ts"))};
import { sealTree, bytesOf } from ${JSON.stringify(join(import.meta.dir, "fuse/artefact.ts"))};
import { existsSync, readFileSync, statSync } from "node:fs";
const [file, at, ...memoryFolders] = process.argv.slice(1);
const sealed = sealTree(file, [{ path: "d" }, { path: "d/a", bytes: bytesOf(100000, 4) }]);
try {
  const mount = await mountTmpfs(await sealed.open(), at, { memoryFolders });
  const path = mount.mountpoint;
  const seen = [readFileSync(path + "/d/a").equals(bytesOf(100000, 4)), (statSync(path).mode & 0o777).toString(8), (statSync(path + "/d/a").mode & 0o777).toString(8)];
  await mount.unmount();
  console.log(JSON.stringify({ path, notice: mount.notice, seen, left: existsSync(path) }));
} catch (error) { console.log(JSON.stringify({ id: error.id })); }
`;
  const asNobody = async (...folders: string[]) => {
    const own = mkdtempSync(join(tmpdir(), "nobody-"));
    await run(["chown", "65534:65534", own]);
    mkdirSync(join(own, "mnt"));
    const { out, err } = await run([
      "setpriv",
      "--reuid=65534",
      "--regid=65534",
      "--clear-groups",
      process.execPath,
      "-e",
      CHILD,
      join(own, "m.tar"),
      join(own, "mnt"),
      ...folders,
    ]);
    rmSync(own, { recursive: true });
    if (err !== "") throw new Error(err);
    return JSON.parse(out.toString());
  };

  test("lies in a private folder in memory, says where, and is removed at the end", async () => {
    const seen = await asNobody("/nowhere", tmpdir() === "/dev/shm" ? "/" : tmpdir(), "/dev/shm");
    expect(seen.path).toStartWith("/dev/shm/cai-model-");
    expect(seen.notice).toContain(seen.path);
    expect(seen.seen).toEqual([true, "500", "400"]);
    expect(seen.left).toBe(false);
  });

  test("is refused rather than put on a disk", async () => {
    expect(await asNobody("/nowhere", "/", "/proc")).toEqual({ id: "model.no-memory-storage" });
  });
});

test("memory that is needed counts whole pages, each inode, and bytes of hard links once", () => {
  const file = { kind: "file", salts: [], executable: false, offset: 0 } as const;
  const none = memoryNeeded([]);
  const one = memoryNeeded([{ ...file, path: "a", fileNo: 0, size: 4097 }]);
  expect(one - none).toBe(3 * 4096);
  expect(
    memoryNeeded([
      { ...file, path: "a", fileNo: 0, size: 4097 },
      { ...file, path: "b", fileNo: 0, size: 4097, linkOf: 0 },
    ]) - one,
  ).toBe(4096);
});

test("available memory is what the kernel estimates, and none where it does not say", () => {
  expect(memoryAvailable("MemTotal:       24684088 kB\nMemFree:  1 kB\nMemAvailable:   1000 kB\n")).toBe(1_024_000);
  expect(memoryAvailable("MemTotal: 5 kB\n")).toBe(0);
});

test("a model that does not fit in memory is refused before anything is written", async () => {
  const artefact = await sealed.open();
  const huge = {
    ...artefact,
    entries: [{ kind: "file", path: "a", fileNo: 0, size: 2 ** 50, offset: 0, salts: [], executable: false } as const],
  };
  const at = mountpoint("huge");
  const error = await mountTmpfs(huge, at).catch((thrown) => thrown);
  expect(error.id).toBe("model.no-memory-storage");
  expect(artefact.prk.every((byte) => byte === 0)).toBe(true);
  expect(readdirSync(at)).toEqual([]);
});

function kernelAtLeast(major: number, minor: number): boolean {
  const [x = 0, y = 0] = readFileSync("/proc/sys/kernel/osrelease", "utf8").split(".").map(Number);
  return x > major || (x === major && y >= minor);
}
