import { expect, test } from "bun:test";
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readKeyFile, writeKeyFile } from "../../src/model/key-file.ts";
import { formatRootLines, parseRoot, parseRootLines } from "../../src/model/root.ts";
import { KEK, noise, refusal, scratch } from "./fixture.ts";

const ROOT = `sha256:${"5a".repeat(32)}`;

test("a key file is 32 raw bytes, or these and a line with the root, of mode 0600", async () => {
  using folder = scratch();
  const bare = join(folder.path, "bare");
  await writeKeyFile(bare, KEK);
  expect(new Uint8Array(readFileSync(bare))).toEqual(KEK);
  expect(await readKeyFile(bare)).toEqual({ kek: KEK });
  const rooted = join(folder.path, "rooted");
  await writeKeyFile(rooted, KEK, ROOT);
  expect(readFileSync(rooted).subarray(32).toString()).toBe(`\n${ROOT}\n`);
  expect(await readKeyFile(rooted)).toEqual({ kek: KEK, root: ROOT });
  expect(statSync(rooted).mode & 0o777).toBe(0o600);
});

test("a key whose own bytes are line feeds is read whole", async () => {
  using folder = scratch();
  const path = join(folder.path, "k");
  const kek = new Uint8Array(32).fill(0x0a);
  await writeKeyFile(path, kek, ROOT);
  expect(await readKeyFile(path)).toEqual({ kek, root: ROOT });
});

test("a key is never overwritten", async () => {
  using folder = scratch();
  const path = join(folder.path, "k");
  await writeKeyFile(path, KEK);
  await refusal("cli.output-exists", () => writeKeyFile(path, noise(32)));
  expect(new Uint8Array(readFileSync(path))).toEqual(KEK);
  await refusal("cli.output-failed", () => writeKeyFile(join(folder.path, "none", "k"), KEK));
  await refusal("model.root-invalid", () => writeKeyFile(join(folder.path, "other"), KEK, "sha256:"));
});

test("a key that others may read is refused", async () => {
  using folder = scratch();
  const path = join(folder.path, "k");
  await writeKeyFile(path, KEK);
  for (const mode of [0o640, 0o604, 0o620, 0o601]) {
    chmodSync(path, mode);
    expect((await refusal("model.key-file-open", () => readKeyFile(path))).got).toBe(`mode 0${mode.toString(8)}`);
  }
  chmodSync(path, 0o400);
  expect(await readKeyFile(path)).toEqual({ kek: KEK });
});

test("a file of any other form is no key file, and its bytes are not shown", async () => {
  using folder = scratch();
  const path = join(folder.path, "k");
  const whole = Buffer.concat([KEK, Buffer.from(`\n${ROOT}\n`)]);
  const wrong: Uint8Array[] = [Buffer.concat([KEK, Buffer.from("\n")]), Buffer.concat([whole, whole])];
  for (let length = 0; length < whole.length; length++) if (length !== 32) wrong.push(whole.subarray(0, length));
  for (const place of [32, 33, 50, 104]) {
    const changed = Buffer.from(whole);
    changed[place] = 0x58;
    wrong.push(changed);
  }
  for (const bytes of wrong) {
    writeFileSync(path, bytes, { mode: 0o600 });
    const error = await refusal("model.key-file-invalid", () => readKeyFile(path));
    expect(JSON.stringify(error)).not.toContain(Buffer.from(KEK).toString("latin1").slice(0, 8));
  }
  await refusal("cli.input-unreadable", () => readKeyFile(join(folder.path, "none")));
  mkdirSync(join(folder.path, "d"));
  await refusal("cli.input-unreadable", () => readKeyFile(join(folder.path, "d")));
});

test("root lines hold one or two roots", async () => {
  const other = `sha256:${"0".repeat(64)}`;
  expect(parseRootLines(formatRootLines([ROOT, other]))).toEqual([ROOT, other]);
  expect(parseRootLines(ROOT)).toEqual([ROOT]);
  expect(parseRoot(ROOT)).toBe(ROOT);
  for (const text of [
    "",
    "\n",
    `${ROOT}\n\n`,
    `${ROOT} `,
    ROOT.toUpperCase(),
    `${ROOT}\r\n`,
    `${ROOT}\n${ROOT}\n${ROOT}\n`,
    ROOT.slice(0, -1),
  ]) {
    await refusal("model.root-invalid", () => parseRootLines(text));
  }
  await refusal("model.root-invalid", () => formatRootLines([]));
});
