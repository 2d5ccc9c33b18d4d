import { expect, test } from "bun:test";
import fc from "fast-check";
import { type Core, encodeCore, parseCore } from "../../src/model/core.ts";
import { encodeHeader, parseHeader, resourcePath, type WrappedSlot } from "../../src/model/header.ts";
import { hashCore } from "../../src/model/keys.ts";
import { indexMemberSize } from "../../src/model/layout.ts";
import { CaiError } from "../../src/system/index.ts";
import { noise, refusal } from "./fixture.ts";

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const core: fc.Arbitrary<Core> = fc
  .record({
    id: bytes(32),
    chunk: fc.integer({ min: 12, max: 22 }).map((bits) => 2 ** bits),
    epoch: fc.integer({ min: 1, max: 2 ** 20 }),
    part: fc.integer({ min: 1, max: 2 ** 23 }).map((blocks) => blocks * 512),
    stream: fc.integer({ min: 0, max: 2 ** 34 }),
    blocks: fc.integer({ min: 1, max: 1000 }),
  })
  .map(({ blocks, ...rest }) => ({ v: 1, cipher: "A256GCM", ...rest, index: indexMemberSize(rest, blocks * 4096) }));
const slot: fc.Arbitrary<WrappedSlot> = fc.record(
  {
    alg: fc.constant("A256GCMKW" as const),
    uri: fc.constantFrom("kbs:///default/model/demo", "kbs://host:8080/a/b/c-1.x"),
    kid: fc.constant("0123456789abcdef"),
    nonce: bytes(12),
    wrapped: bytes(48),
  },
  { requiredKeys: ["alg", "nonce", "wrapped"] },
);

const SAMPLE: Core = { v: 1, id: noise(32), cipher: "A256GCM", chunk: 65536, epoch: 16384, part: 2 ** 30, stream: 123456, index: 4144 };
const SLOT: WrappedSlot = {
  alg: "A256GCMKW",
  uri: "kbs:///default/model/demo",
  kid: "0123456789abcdef",
  nonce: noise(12),
  wrapped: noise(48),
};
const sample = () => encodeHeader({ coreBytes: encodeCore(SAMPLE), commit: noise(32, 2), slots: [SLOT], hint: { tool: "x" } });

/** A header of which one member was replaced. */
function withMember(member: string, value: unknown): Uint8Array {
  const header = JSON.parse(new TextDecoder().decode(sample()));
  header[member] = value;
  return new TextEncoder().encode(`${JSON.stringify(header).padEnd(16383)}\n`);
}

test("what is written into a header is read from it", () => {
  fc.assert(
    fc.property(core, bytes(32), fc.array(slot, { minLength: 1, maxLength: 5 }), (core, commit, slots) => {
      const coreBytes = encodeCore(core);
      const parsed = parseHeader(encodeHeader({ coreBytes, commit, slots }));
      expect(parsed).toEqual({ core, coreBytes, coreHash: hashCore(coreBytes), commit, slots });
    }),
  );
});

test("a header cut off anywhere is refused", async () => {
  const whole = sample();
  for (let length = 0; length < whole.length; length += length < 700 ? 7 : 997) {
    await refusal("model.header-invalid", () => parseHeader(whole.subarray(0, length)));
  }
});

test("a core cut off at any offset is refused", () => {
  const whole = encodeCore(SAMPLE);
  for (let length = 0; length < whole.length; length++) {
    expect(() => parseCore(whole.subarray(0, length))).toThrow(CaiError);
  }
});

test("a flipped bit in the core is refused, or makes another core hash", () => {
  const clean = encodeCore(SAMPLE);
  for (let bit = 0; bit < clean.length * 8; bit++) {
    const flipped = clean.slice();
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    try {
      parseCore(flipped);
    } catch (error) {
      if (!(error instanceof CaiError)) throw error;
      expect(error.id).toMatch(/^model\.(header-invalid|version-unsupported)$/);
    }
    expect(hashCore(flipped)).not.toEqual(hashCore(clean));
  }
});

test("numbers of a core out of bounds are refused by their place", async () => {
  const cases: [keyof Core, unknown][] = [
    ["chunk", 2048],
    ["chunk", 65537],
    ["chunk", 2 ** 23],
    ["chunk", "65536"],
    ["epoch", 0],
    ["epoch", 2 ** 20 + 1],
    ["epoch", 1.5],
    ["part", 513],
    ["part", 0],
    ["part", 2 ** 32 + 512],
    ["stream", -1],
    ["stream", 2 ** 53],
    ["index", 4145],
    ["index", 0],
    ["index", 2 ** 40],
    ["id", "AAAA"],
    ["id", null],
  ];
  for (const [member, value] of cases) {
    const text = new TextEncoder().encode(JSON.stringify({ ...JSON.parse(new TextDecoder().decode(encodeCore(SAMPLE))), [member]: value }));
    expect((await refusal("model.header-invalid", () => parseCore(text))).message).toContain(`/core/${member}`);
  }
  const tooMany = { ...SAMPLE, id: undefined, part: 512, stream: 2 ** 40 };
  const text = JSON.stringify({ ...tooMany, id: Buffer.from(SAMPLE.id).toString("base64url") });
  await refusal("model.header-invalid", () => parseCore(new TextEncoder().encode(text)));
});

test("another version, cipher or an unknown member of the core is refused", async () => {
  const change = (members: object) =>
    new TextEncoder().encode(JSON.stringify({ ...JSON.parse(new TextDecoder().decode(encodeCore(SAMPLE))), ...members }));
  await refusal("model.version-unsupported", () => parseCore(change({ v: 2 })));
  await refusal("model.version-unsupported", () => parseCore(change({ cipher: "XCHACHA" })));
  await refusal("model.header-invalid", () => parseCore(change({ extra: 1 })));
});

test("members of the header of another form are refused", async () => {
  const known = JSON.parse(new TextDecoder().decode(sample())).slots[0];
  const cases: [string, unknown][] = [
    ["cai", "tar"],
    ["extra", 1],
    ["core", "!!"],
    ["core", `${Buffer.from(encodeCore(SAMPLE)).toString("base64url")}=`],
    ["commit", "AAAA"],
    ["slots", []],
    ["slots", {}],
    ["slots", [1]],
    ["slots", [{ alg: 5 }]],
    ["slots", [{ ...known, n: "AAAA" }]],
    ["slots", [{ ...known, w: "AAAA" }]],
    ["slots", [{ ...known, kid: "XYZ" }]],
    ["slots", [{ ...known, extra: 1 }]],
    ["slots", [{ ...known, uri: "http:///a/b/c" }]],
    ["slots", [{ ...known, uri: "kbs:///a/../c" }]],
  ];
  for (const [member, value] of cases) await refusal("model.header-invalid", () => parseHeader(withMember(member, value)));
  const slots = [...Array.from({ length: 200 }, () => SLOT)];
  await refusal("model.input-unsupported", () => encodeHeader({ coreBytes: encodeCore(SAMPLE), commit: noise(32), slots }));
});

test("a resource path is the three segments of its address, without the host", () => {
  expect(resourcePath("kbs:///default/model/qwen")).toBe("default/model/qwen");
  expect(resourcePath("kbs://evil.example:1/default/model/qwen")).toBe("default/model/qwen");
  for (const uri of [
    "kbs:///a/b",
    "kbs:///a/b/c/d",
    "kbs:///a//c",
    "kbs:///a/b/..",
    "kbs:///a/b/%2e",
    "KBS:///a/b/c",
    "kbs:///a/b/c?x",
    "a/b/c",
  ]) {
    expect(resourcePath(uri)).toBeUndefined();
  }
});
