import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import {
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { CAI, cai, caiError, caiJson, hasFuse, removeScratch, scratch, start, stopAll } from "./cai.ts";
import { diffTrees, writeTree } from "./tree.ts";

const GIB = 1 << 30;
const folder = scratch(true);
const plain = join(folder, "plain");
const enc = join(folder, "enc.tar");
const key = join(folder, "key");

beforeAll(async () => {
  writeTree(plain, GIB);
  await caiJson(["model", "encrypt", plain, "-o", enc, "--key-file", key]);
}, 120_000);
afterEach(stopAll);
afterAll(() => removeScratch(folder));

/** A copy of the artefact with one change. */
function changed(name: string, change: (path: string) => void): string {
  const path = join(folder, name);
  copyFileSync(enc, path);
  change(path);
  return path;
}

function flipByte(path: string, at: number): void {
  const file = openSync(path, "r+");
  const byte = new Uint8Array(1);
  readSync(file, byte, 0, 1, at);
  closeSync(file);
  const bytes = Bun.spawnSync(["dd", `of=${path}`, "bs=1", `seek=${at}`, "count=1", "conv=notrunc", "status=none"], {
    stdin: new Uint8Array([byte[0]! ^ 1]),
  });
  if (bytes.exitCode !== 0) throw new Error(bytes.stderr.toString());
}

describe("an encrypted tree of many kinds of files", () => {
  test("is verified, decrypted to the very same tree, and listed by tar", async () => {
    const verified = await caiJson(["model", "verify", enc, "--key-file", key]);
    expect(verified["files"]).toBeGreaterThan(2000);
    const out = join(folder, "decrypted");
    await caiJson(["model", "decrypt", enc, "--key-file", key, "-o", out]);
    expect(diffTrees(plain, out)).toBe("");
    expect(statSync(join(out, "run.sh")).mode & 0o100).toBe(0o100);
    removeScratch(out);
    const listed = Bun.spawnSync(["tar", "tf", enc]).stdout.toString().trim().split("\n");
    expect(listed).toEqual(["cai-model.json", "data/00000000", "data/00000001", "index"]);
  }, 120_000);

  test.if(hasFuse)(
    "is mounted as the very same tree",
    async () => {
      const mountpoint = join(folder, "mnt");
      mkdirSync(mountpoint);
      const mount = await start(["agent", "mount", "--model", enc, mountpoint, "--key-file", key]);
      expect(diffTrees(plain, mountpoint)).toBe("");
      expect(await mount.kill("SIGTERM")).toBe(0);
      expect(readdirSync(mountpoint)).toEqual([]);
    },
    120_000,
  );

  test("tells its header without the key, and no name of a file", async () => {
    const { stdout } = await cai(["model", "inspect", enc]);
    expect(stdout).toContain("A256GCM");
    expect(stdout).not.toContain("weights");
    expect(readFileSync(key).length).toBe(32 + 1 + 72);
    expect(statSync(key).mode & 0o777).toBe(0o600);
    expect(statSync(enc).mode & 0o777).toBe(0o600);
  });
});

describe("a bad artefact or key", () => {
  test("of another key is refused before any data key is used", async () => {
    const other = join(folder, "other-key");
    writeFileSync(other, new Uint8Array(32).fill(7), { mode: 0o600 });
    expect(await caiError(["model", "verify", enc, "--key-file", other, "--accept-unpinned-root"])).toMatchObject({
      status: 3,
      id: "model.key-wrong",
    });
  });

  test("with a key file that others may read is refused", async () => {
    const open = join(folder, "open-key");
    writeFileSync(open, readFileSync(key), { mode: 0o644 });
    expect(await caiError(["model", "verify", enc, "--key-file", open])).toMatchObject({ status: 2, id: "model.key-file-open" });
  });

  test("truncated is refused", async () => {
    const cut = changed("cut.tar", (path) => truncateSync(path, statSync(path).size - 4096));
    expect(await caiError(["model", "verify", cut, "--key-file", key])).toMatchObject({ status: 3, id: "model.truncated" });
    removeScratch(cut);
  });

  test("with one flipped bit of data is refused, naming the file and the block", async () => {
    const flipped = changed("flipped.tar", (path) => flipByte(path, statSync(path).size - 64 * 1024 * 1024));
    const { status, id, message } = await caiError(["model", "verify", flipped, "--key-file", key]);
    expect([status, id]).toEqual([3, "model.block-corrupt"]);
    expect(message).toMatch(/weights\.bin.*\d+/);
    const out = join(folder, "never");
    expect(await caiError(["model", "decrypt", flipped, "--key-file", key, "-o", out])).toMatchObject({
      status: 3,
      id: "model.block-corrupt",
    });
    expect(existsSync(join(out, "weights.bin"))).toBe(false);
    removeScratch(flipped);
  }, 60_000);

  test.if(hasFuse)(
    "with one flipped bit gives an input/output error for that block and the right bytes elsewhere",
    async () => {
      const at = statSync(enc).size - 64 * 1024 * 1024;
      const flipped = changed("flipped-mount.tar", (path) => flipByte(path, at));
      const mountpoint = join(folder, "mnt-flipped");
      mkdirSync(mountpoint);
      const mount = await start(["agent", "mount", "--model", flipped, mountpoint, "--key-file", key]);
      const compare = Bun.spawnSync(["cmp", join(plain, "weights.bin"), join(mountpoint, "weights.bin")]);
      expect(compare.stderr.toString()).toContain("Input/output error");
      expect(compare.stdout.toString()).not.toContain("differ");
      expect(Bun.spawnSync(["diff", "-r", join(plain, "small"), join(mountpoint, "small")]).stdout.toString()).toBe("");
      expect(await mount.kill("SIGTERM")).toBe(0);
      expect(mount.log()).toContain("model.block-corrupt");
      removeScratch(flipped);
    },
    60_000,
  );
});

describe("encrypting", () => {
  test("never overwrites an artefact or a key", async () => {
    const before = statSync(enc).mtimeMs;
    expect(await caiError(["model", "encrypt", plain, "-o", enc, "--key-file", join(folder, "k2")])).toMatchObject({
      status: 2,
      id: "cli.output-exists",
    });
    expect(await caiError(["model", "encrypt", plain, "-o", join(folder, "e2.tar"), "--key-file", key])).toMatchObject({
      status: 2,
      id: "cli.output-exists",
    });
    expect(statSync(enc).mtimeMs).toBe(before);
    expect(existsSync(join(folder, "k2"))).toBe(false);
    expect(existsSync(join(folder, "e2.tar"))).toBe(false);
  });

  test("killed half-way leaves no file under the final name, and the next run succeeds", async () => {
    const out = join(folder, "killed.tar");
    const keyFile = join(folder, "killed.key");
    const child = Bun.spawn([CAI, "model", "encrypt", plain, "-o", out, "--key-file", keyFile], { stdout: "ignore", stderr: "ignore" });
    // The temporary file shows that it is under way.
    while (!readdirSync(folder).some((name) => name.includes("killed.tar"))) await Bun.sleep(1);
    child.kill("SIGKILL");
    await child.exited;
    expect(existsSync(out)).toBe(false);
    expect(existsSync(keyFile)).toBe(false);
    await caiJson(["model", "encrypt", plain, "-o", out, "--key-file", keyFile]);
    expect(readdirSync(folder).filter((name) => name.includes("killed.tar"))).toEqual(["killed.tar"]);
    removeScratch(out);
  }, 60_000);

  test("says which input is missing or of the wrong kind", async () => {
    expect(
      await caiError(["model", "encrypt", join(folder, "absent"), "-o", join(folder, "x.tar"), "--key-file", join(folder, "x.key")]),
    ).toMatchObject({ status: 2, id: "cli.input-unreadable" });
    expect(await caiError(["model", "encrypt", plain, "-o", join(folder, "x.tar")])).toMatchObject({ status: 2, id: "cli.usage" });
  });
});
