import { expect, test } from "bun:test";
import { execFileSync, spawnSync } from "node:child_process";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { mountFilesystem, UnmountFlag, unmountFilesystem } from "../../src/system/index.ts";
import { encryptSmall, KEK, makeTree, noise, openSmall, refusal, scratch, snapshot } from "./fixture.ts";
import { slowDecode } from "./slow-decoder.ts";

test("a reader written from the specification alone reads every byte that the writer wrote", async () => {
  using folder = scratch();
  const input = makeTree(folder.path);
  const output = join(folder.path, "enc.tar");
  const { root } = await encryptSmall(input, output);
  const decoded = slowDecode(readFileSync(output), KEK);
  expect(decoded.root).toBe(root);
  const found = snapshot(input);
  expect([...decoded.tree.keys()].sort()).toEqual(Object.keys(found).sort());
  for (const [path, entry] of decoded.tree) {
    if (entry === "directory") expect(found[path]).toBe("directory");
    else if ("target" in entry) expect(entry.target).toBe(readlinkSync(join(input, path)));
    else expect(Buffer.compare(entry.bytes, readFileSync(join(input, path)))).toBe(0);
  }
});

test("GNU tar lists the members, and their order and sizes are those of the specification", async () => {
  using folder = scratch();
  const output = join(folder.path, "enc.tar");
  const { bytes } = await encryptSmall(makeTree(folder.path), output, { part: 65536 });
  const names = execFileSync("tar", ["tf", output], { encoding: "utf8" }).trim().split("\n");
  expect(names).toEqual(["cai-model.json", "data/00000000", "data/00000001", "index"]);
  expect(statSync(output).size).toBe(bytes);
  expect(statSync(output).mode & 0o777).toBe(0o600);
});

test("threads write the same index as one thread does, and digests are those of the files", async () => {
  using folder = scratch();
  const input = join(folder.path, "in");
  mkdirSync(input);
  const large = Buffer.concat(Array.from({ length: 41 }, (_, i) => noise(1024 * 1024, i)));
  writeFileSync(join(input, "large"), large.subarray(0, large.length - 777));
  for (let i = 0; i < 40; i++) writeFileSync(join(input, `small ${i}`), noise(i * 1000, i));
  const roots: string[] = [];
  for (const workers of [0, 2, 3]) {
    const output = join(folder.path, `${workers}.tar`);
    let counter = 0;
    const random = (length: number) => noise(length, ++counter);
    let last = [0, 0];
    const { root, plaintextBytes } = await encryptSmall(input, output, {
      chunk: 65536,
      epoch: 64,
      part: 1024 * 1024,
      workers,
      random,
      progress: (...state) => (last = state),
    });
    expect(last).toEqual([plaintextBytes, plaintextBytes]);
    roots.push(root);
    const artefact = await openSmall(output);
    for (const entry of artefact.entries) {
      if (entry.kind === "file") expect(entry.digest).toBe(Bun.SHA256.hash(readFileSync(join(input, entry.path)), "hex"));
    }
    await artefact.close();
  }
  expect(new Set(roots).size).toBe(1);
}, 30_000);

test("a single file becomes a tree of one name", async () => {
  using folder = scratch();
  writeFileSync(join(folder.path, "w.gguf"), noise(5000));
  await encryptSmall(join(folder.path, "w.gguf"), join(folder.path, "enc.tar"));
  const artefact = await openSmall(join(folder.path, "enc.tar"));
  expect(artefact.entries.map(({ path }) => path)).toEqual(["w.gguf"]);
  await artefact.close();
});

test("padding hides the size of the stream", async () => {
  using folder = scratch();
  writeFileSync(join(folder.path, "w"), noise(100_000));
  const sizes: number[] = [];
  for (const pad of ["none", "1MiB", "padme"] as const) {
    const output = join(folder.path, `${pad}.tar`);
    await encryptSmall(join(folder.path, "w"), output, { pad });
    const artefact = await openSmall(output);
    sizes.push(artefact.header.core.stream);
    await artefact.close();
  }
  // 100,000 bytes in 25 blocks: 100,400; of 17 bits Padmé keeps the first 5 + 1.
  expect(sizes).toEqual([100_400, 1024 * 1024, 102_400]);
});

test("without digests the index has none, with times it has those of the files", async () => {
  using folder = scratch();
  writeFileSync(join(folder.path, "w"), noise(10));
  utimesSync(join(folder.path, "w"), 1_000_000, 1_700_000_000.9);
  await encryptSmall(join(folder.path, "w"), join(folder.path, "enc.tar"), { digest: false, mtime: true });
  const artefact = await openSmall(join(folder.path, "enc.tar"));
  expect(artefact.entries[0]).toMatchObject({ kind: "file", mtime: 1_700_000_000 });
  expect(artefact.entries[0]).not.toHaveProperty("digest");
  await artefact.close();
});

test("an existing output is not overwritten", async () => {
  using folder = scratch();
  const output = join(folder.path, "enc.tar");
  writeFileSync(output, "precious");
  await refusal("cli.output-exists", () => encryptSmall(makeTree(folder.path), output));
  expect(readFileSync(output, "utf8")).toBe("precious");
  expect(readdirSync(folder.path)).toEqual(expect.arrayContaining(["enc.tar", "tree"]));
});

test("an output that came up during the work is not overwritten", async () => {
  using folder = scratch();
  const output = join(folder.path, "enc.tar");
  const beforeFinish = async () => writeFileSync(output, "precious");
  await refusal("cli.output-exists", () => encryptSmall(makeTree(folder.path), output, { beforeFinish }));
  expect(readdirSync(folder.path).sort()).toEqual(["enc.tar", "tree"]);
  expect(readFileSync(output, "utf8")).toBe("precious");
});

test("two runs on one output: the second is refused while the first one writes", async () => {
  using folder = scratch();
  const input = makeTree(folder.path);
  const output = join(folder.path, "enc.tar");
  const beforeFinish = async () => void (await refusal("cli.output-exists", () => encryptSmall(input, output)));
  await encryptSmall(input, output, { beforeFinish });
  expect(readdirSync(folder.path).sort()).toEqual(["enc.tar", "tree"]);
});

test("where the key cannot be stored no archive is left", async () => {
  using folder = scratch();
  const beforeFinish = () => Promise.reject(new Error("trustee away"));
  expect(encryptSmall(makeTree(folder.path), join(folder.path, "enc.tar"), { beforeFinish })).rejects.toThrow("trustee away");
  expect(readdirSync(folder.path)).toEqual(["tree"]);
});

test("a killed run leaves a partial file only, and the next run removes it", async () => {
  using folder = scratch();
  const input = makeTree(folder.path);
  const output = join(folder.path, "enc.tar");
  const script = `
    import { encryptSmall } from ${JSON.stringify(join(import.meta.dir, "fixture.ts"))};
    await encryptSmall(${JSON.stringify(input)}, ${JSON.stringify(output)}, { beforeFinish: () => process.kill(process.pid, "SIGKILL") });`;
  writeFileSync(join(folder.path, "killed.ts"), script);
  expect(spawnSync(process.execPath, [join(folder.path, "killed.ts")]).signal).toBe("SIGKILL");
  expect(readdirSync(folder.path).sort()).toEqual(["enc.tar.partial", "killed.ts", "tree"]);
  await encryptSmall(input, output);
  expect(readdirSync(folder.path).sort()).toEqual(["enc.tar", "killed.ts", "tree"]);
});

test.each([0, 2])("ended by its caller with %d threads it leaves nothing", async (workers) => {
  using folder = scratch();
  writeFileSync(join(folder.path, "w"), new Uint8Array(40 * 1024 * 1024));
  const abort = new AbortController();
  const work = () =>
    encryptSmall(join(folder.path, "w"), join(folder.path, "enc.tar"), {
      chunk: 65536,
      workers,
      signal: abort.signal,
      progress: () => abort.abort(),
    });
  await refusal("model.interrupted", work);
  expect(readdirSync(folder.path)).toEqual(["w"]);
});

test("a full disk leaves nothing under the final name", async () => {
  using folder = scratch();
  const disk = join(folder.path, "disk");
  mkdirSync(disk);
  try {
    mountFilesystem({ source: "tmpfs", target: disk, type: "tmpfs", flags: 0, data: "size=4m" });
  } catch (error) {
    console.warn(`skipped: no small tmpfs can be mounted here (${error})`);
    return;
  }
  try {
    writeFileSync(join(folder.path, "w"), new Uint8Array(40 * 1024 * 1024));
    for (const workers of [0, 2]) {
      const work = () => encryptSmall(join(folder.path, "w"), join(disk, "enc.tar"), { chunk: 65536, part: 1024 * 1024, workers });
      expect((await refusal("cli.output-failed", work)).got).toBe("ENOSPC");
      expect(readdirSync(disk)).toBeEmpty();
    }
  } finally {
    unmountFilesystem(disk, UnmountFlag.detach);
  }
});

const changes: [string, (path: string) => void][] = [
  ["grows", (path) => appendFileSync(path, "more")],
  ["shrinks", (path) => truncateSync(path, 2_400_000)],
  ["gets another time", (path) => utimesSync(path, 5, 5)],
];
test.each(changes)("a file that %s while it is read is noticed", async (_, change) => {
  using folder = scratch();
  const input = join(folder.path, "w");
  writeFileSync(input, noise(2_500_000));
  let changed = false;
  const progress = () => {
    if (!changed) change(input);
    changed = true;
  };
  const error = await refusal("model.source-changed", () => encryptSmall(input, join(folder.path, "enc.tar"), { progress, workers: 0 }));
  expect(error.message).toContain(input);
  expect(readdirSync(folder.path)).toEqual(["w"]);
});

test.each([0, 2])("a file that another one replaced after the scan is noticed, with %d threads", async (workers) => {
  using folder = scratch();
  const input = join(folder.path, "in");
  mkdirSync(input);
  const path = join(input, "w");
  writeFileSync(path, new Uint8Array(40 * 1024 * 1024));
  const { atime, mtime } = statSync(path);
  const other = join(folder.path, "other");
  writeFileSync(other, new Uint8Array(40 * 1024 * 1024).fill(1));
  utimesSync(other, atime, mtime);
  // The first random bytes are drawn when the scan is over.
  const random = (length: number) => {
    if (existsSync(other)) renameSync(other, path);
    return noise(length);
  };
  const output = join(folder.path, "enc.tar");
  await refusal("model.source-changed", () => encryptSmall(input, output, { chunk: 65536, workers, random }));
  expect(readdirSync(folder.path)).toEqual(["in"]);
});

test("what the container cannot carry is refused by name", async () => {
  using folder = scratch();
  const output = join(folder.path, "enc.tar");
  const input = join(folder.path, "in");
  const cases: [string, (path: string) => void][] = [
    ["socket", (path) => Bun.listen({ unix: path, socket: { data() {} } }).unref()],
    ["absolute link", (path) => symlinkSync("/etc/passwd", path)],
    ["link upwards", (path) => symlinkSync("a/../../secret", path)],
  ];
  for (const [name, make] of cases) {
    mkdirSync(input);
    make(join(input, name));
    const error = await refusal("model.input-unsupported", () => encryptSmall(input, output));
    expect(error.message).toContain(join(input, name));
    rmSync(input, { recursive: true });
  }
  mkdirSync(input);
  writeFileSync(Buffer.concat([Buffer.from(`${input}/bad `), Buffer.of(0xff, 0xfe)]), "x");
  expect((await refusal("model.input-unsupported", () => encryptSmall(input, output))).got).toBe("bad \\xff\\xfe");
  expect(existsSync(output)).toBe(false);
});

test("a missing input and settings out of bounds are refused", async () => {
  using folder = scratch();
  const output = join(folder.path, "enc.tar");
  await refusal("cli.input-unreadable", () => encryptSmall(join(folder.path, "none"), output));
  const input = makeTree(folder.path);
  for (const wrong of [{ chunk: 5000 }, { chunk: 0 }, { chunk: 8 * 1024 * 1024 }, { epoch: 0 }, { part: 1000 }, { part: 2 ** 33 }]) {
    await refusal("cli.setting-invalid", () => encryptSmall(input, output, wrong));
  }
  await refusal("cli.output-failed", () => encryptSmall(input, join(folder.path, "none", "enc.tar")));
  await refusal("cli.usage", () => encryptSmall(input, output, { recipients: [{ kek: KEK, uri: "https://x/default/model/y" }] }));
  expect(readdirSync(folder.path)).toEqual(["tree"]);
});

test("a file that holds more than its size says is not cut in silence", async () => {
  using folder = scratch();
  await refusal("model.source-changed", () => encryptSmall("/proc/version", join(folder.path, "enc.tar")));
  expect(readdirSync(folder.path)).toBeEmpty();
});

test("neither names, nor content, nor the key stand in the archive", async () => {
  using folder = scratch();
  const input = join(folder.path, "in");
  mkdirSync(input);
  writeFileSync(join(input, "canary-name"), "canary-content".repeat(1000));
  symlinkSync("canary-target", join(input, "link"));
  await encryptSmall(input, join(folder.path, "enc.tar"));
  const archive = readFileSync(join(folder.path, "enc.tar"));
  const digest = Bun.SHA256.hash(readFileSync(join(input, "canary-name")), "hex");
  for (const secret of ["canary", digest, KEK, Buffer.from(KEK).toString("base64url"), Buffer.from(KEK).toString("hex")]) {
    expect(archive.includes(secret)).toBe(false);
  }
});
