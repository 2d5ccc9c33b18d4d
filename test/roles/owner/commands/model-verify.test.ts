import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import decrypt from "../../../../src/roles/owner/commands/model-decrypt.ts";
import encrypt from "../../../../src/roles/owner/commands/model-encrypt.ts";
import verify from "../../../../src/roles/owner/commands/model-verify.ts";
import { runVerb, type Verb } from "../../../../src/system/index.ts";

const folder = mkdtempSync(join(tmpdir(), "cai-verify-"));
const [plain, artefact, key, bare] = ["plain", "enc.tar", "key", "bare.key"].map((name) => join(folder, name)) as [
  string,
  string,
  string,
  string,
];

async function run(verb: Verb, ...args: string[]): Promise<{ status: number; stdout: string; id: string | undefined }> {
  let [stdout, stderr] = ["", ""];
  const host = {
    environment: {},
    stdout: { write: (text: string) => (stdout += text) },
    stderr: { write: (text: string) => (stderr += text) },
  };
  const status = await runVerb(verb, args, host);
  return { status, stdout, id: /cai: ([\w.-]+):/.exec(stderr)?.[1] };
}

beforeAll(async () => {
  writeFileSync(plain, "weights".repeat(10_000));
  expect((await run(encrypt, plain, "-o", artefact, "--key-file", key)).status).toBe(0);
  writeFileSync(bare, readFileSync(key).subarray(0, 32), { mode: 0o600 });
});
afterAll(() => rmSync(folder, { recursive: true }));

test("an artefact whose blocks were not read is not called intact", async () => {
  expect((await run(verify, artefact, "--key-file", key)).stdout).toContain("is intact: 1 files, 2 blocks checked");
  const { status, stdout } = await run(verify, artefact, "--key-file", key, "--header");
  expect(status).toBe(0);
  expect(stdout).not.toContain("intact");
  expect(stdout).toContain("none of its 1 files");
});

test("an artefact that nothing pins is said not to be pinned", async () => {
  expect(await run(verify, artefact, "--key-file", bare)).toMatchObject({ status: 3, id: "model.root-unpinned" });
  const accepted = ["--key-file", bare, "--accept-unpinned-root"];
  expect((await run(verify, artefact, ...accepted)).stdout).toContain("NOT pinned");
  expect((await run(decrypt, artefact, ...accepted, "-o", join(folder, "out"))).stdout).toContain("NOT pinned");
  expect(JSON.parse((await run(verify, artefact, ...accepted, "--json")).stdout)).toMatchObject({ root_pinned: false });
  expect(JSON.parse((await run(verify, artefact, "--key-file", key, "--accept-unpinned-root", "--json")).stdout)).toMatchObject({
    root_pinned: true,
  });
});
