import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encryptModel } from "../../src/model/encrypt.ts";
import { parseHeader } from "../../src/model/header.ts";
import { commitment, extractPrk, fileKey, hashCore } from "../../src/model/keys.ts";

/** The test vector of model-format.md §3.9. */
const ROOT = "sha256:63bad606b8ee42ac67b153f7dd03c2f3f33e4801826ccc44dc4ecea267ac5495";
const CORE =
  '{"v":1,"id":"ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8","cipher":"A256GCM","chunk":65536,"epoch":2,"part":131072,"stream":431208,"index":4144}';
const WRAPPED = "KJT7NQ-VT3hYQ5e4nQPjBL2MkmtjT7FPIr0W0hAaIx-NHAVhga6Z76leXVg_JjWd";

const folder = mkdtempSync(join(tmpdir(), "cai-vector-"));
let archive: Uint8Array;
let root: string;

const counting = (from: number) => Uint8Array.from({ length: 32 }, (_, i) => from + i);
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

beforeAll(async () => {
  const input = join(folder, "tree");
  mkdirSync(join(input, "sub"), { recursive: true });
  writeFileSync(join(input, "config.json"), '{"a":1}\n');
  writeFileSync(join(input, "empty"), "");
  symlinkSync("sub/w.bin", join(input, "link"));
  writeFileSync(join(input, "sub/exact.bin"), new Uint8Array(131072).fill(9));
  writeFileSync(join(input, "sub/w.bin"), new Uint8Array(300000).fill(7));
  const draws = [0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6].map((fill) => (length: number) => new Uint8Array(length).fill(fill));
  const sequence = [() => counting(0x00), () => counting(0x20), ...draws];
  const output = join(folder, "enc.tar");
  const result = await encryptModel({
    input,
    output,
    recipients: [{ kek: counting(0x40), uri: "kbs:///default/model/demo", kid: false }],
    part: 131072,
    epoch: 2,
    pad: "none",
    random: (length) => sequence.shift()!(length),
  });
  expect(sequence).toBeEmpty();
  root = result.root;
  archive = readFileSync(output);
});
afterAll(() => rmSync(folder, { recursive: true }));

test("the core, its hash, the commitment and the wrapped key are those of the vector", () => {
  const header = parseHeader(archive.subarray(512, 512 + 16384));
  expect(new TextDecoder().decode(header.coreBytes)).toBe(CORE);
  expect(hex(header.coreHash)).toBe("315da515378780d3fdb1a2f927bb377ae892751617c8853525250ca0bd1cf3d3");
  expect(hex(header.commit)).toBe("39c276c0d9fe3be6f215e4e1e80793a1e44cd8e7577f6ee69fd77bea90c08b98");
  const slot = header.slots[0];
  if (slot === undefined || "unknown" in slot) throw new Error("no slot");
  expect(Buffer.from(slot.nonce).toString("base64url")).toBe("paWlpaWlpaWlpaWl");
  expect(Buffer.from(slot.wrapped).toString("base64url")).toBe(WRAPPED);
  expect(slot.kid).toBeUndefined();
});

test("the key schedule is that of the vector", () => {
  const prk = extractPrk(counting(0x00), counting(0x20));
  expect(hex(prk)).toBe("a27b86e7a70a029cba778d6f738d952696d6d8361b95103dd84ae9df6af063af");
  expect(hex(commitment(prk, hashCore(new TextEncoder().encode(CORE))))).toBe(
    "39c276c0d9fe3be6f215e4e1e80793a1e44cd8e7577f6ee69fd77bea90c08b98",
  );
  expect(hex(fileKey(prk, 0, 0, new Uint8Array(16).fill(0xa0)))).toBe("e6b78cac14b2797c54771acda1346cfc4b6fd3732a3a86e1f644c712efe43430");
});

test("the first chunk lies behind the header of the first part, sealed as in the vector", () => {
  expect(hex(archive.subarray(16896 + 512, 16896 + 512 + 24))).toBe("d1af64804ad52b93f470db246e75d68a30f9ec5863125f95");
});

test("the root is that of the vector", () => {
  expect(root).toBe(ROOT);
});
