import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { OLDER_VERSIONS } from "../../../src/protocol/index.ts";
import { Handshakes } from "../../../src/roles/trustee/handshake.ts";
import { Nonces } from "../../../src/roles/trustee/nonce.ts";
import { OlderSessionIds } from "../../../src/roles/trustee/older-session.ts";
import { START } from "./kbs-world.ts";
import { idOf } from "./scratch.ts";
import { openParts } from "./trustee-parts.ts";

const KEY = new Uint8Array(32).fill(7);
const TEES = ["tdx", "sgx", "az-tdx-vtpm", "aztdxvtpm", "sample"];
const ids = new OlderSessionIds(KEY, 1, TEES);
const session = fc.record({
  version: fc.constantFrom(...OLDER_VERSIONS),
  tee: fc.constantFrom(...TEES),
  expires: fc.integer({ min: START - 300, max: START + 300 }),
});

describe("the id of a session of an older version", () => {
  test("says version, platform and expiry to this store, on whichever replica, and looks random", () => {
    const replica = new OlderSessionIds(KEY, 1, [...TEES].reverse());
    const seen = new Set<string>();
    fc.assert(
      fc.property(session, (made) => {
        const id = ids.make(made);
        expect(id).toMatch(/^[0-9a-f]{32}$/);
        expect(seen.has(id)).toBe(false);
        seen.add(id);
        expect(replica.read(id, START - 300, START + 300)).toEqual(made);
        expect(replica.nonceSeed(id)).toEqual(ids.nonceSeed(id));
      }),
    );
  });

  test("says nothing to another store or epoch, outside its time, or with one bit changed", () => {
    fc.assert(
      fc.property(session, fc.integer({ min: 0, max: 127 }), (made, bit) => {
        const id = ids.make(made);
        for (const other of [new OlderSessionIds(new Uint8Array(32), 1, TEES), new OlderSessionIds(KEY, 2, TEES)]) {
          expect(other.read(id, START - 300, START + 300)).toBeUndefined();
          expect(other.nonceSeed(id)).not.toEqual(ids.nonceSeed(id));
        }
        expect(ids.read(id, made.expires + 1, made.expires + 600)).toBeUndefined();
        expect(ids.read(id, 0, made.expires - 1)).toBeUndefined();
        const bytes = Buffer.from(id, "hex");
        bytes[bit >> 3]! ^= 1 << (bit & 7);
        expect(ids.read(bytes.toString("hex"), START - 300, START + 300)).toBeUndefined();
      }),
      { numRuns: 200 },
    );
  });

  test("has a nonce that no other id has", () => {
    const made = { version: "0.2.0", tee: "tdx", expires: START } as const;
    const seeds = Array.from({ length: 200 }, () => Buffer.from(ids.nonceSeed(ids.make(made))).toString("hex"));
    expect(new Set(seeds).size).toBe(200);
    for (const seed of seeds) expect(seed).toHaveLength(24);
  });
});

describe("a session of an older version", () => {
  test("ends with its challenge, and its nonce is refused as expired then", async () => {
    const { parts, end } = await openParts({ versions: ["0.4.0", "0.2.0"] });
    try {
      const request = new TextEncoder().encode(JSON.stringify({ version: "0.2.0", tee: "tdx", "extra-params": "" }));
      const { sessionId, challenge } = parts.handshakes.open(request, START);
      const { nonce } = JSON.parse(challenge) as { nonce: string };
      expect(parts.handshakes.olderSession(sessionId, START)).toEqual({ version: "0.2.0", nonce });
      expect(parts.handshakes.olderSession(sessionId, START + 299)).toEqual({ version: "0.2.0", nonce });
      expect(await idOf(() => parts.handshakes.redeem(nonce, sessionId, START + 300))).toBe("kbs.nonce-expired");
      expect(parts.handshakes.olderSession(sessionId, START + 601)).toBeUndefined();
      expect(await idOf(() => parts.handshakes.redeem(nonce, sessionId, START + 299))).toBe("done");
      expect(await idOf(() => parts.handshakes.redeem(nonce, sessionId, START + 299))).toBe("kbs.nonce-spent");
    } finally {
      await end();
    }
  });

  test("is none where its version is not spoken any more", async () => {
    const { parts, end } = await openParts({ versions: ["0.4.0", "0.2.0"] });
    try {
      const request = new TextEncoder().encode(JSON.stringify({ version: "0.2.0", tee: "tdx", "extra-params": "" }));
      const { sessionId, challenge } = parts.handshakes.open(request, START);
      const { nonce } = JSON.parse(challenge) as { nonce: string };
      const { store, keys } = parts;
      const narrow = new Handshakes({
        nonces: new Nonces(store.nonceKey, keys.tid, store.epoch),
        store,
        tid: keys.tid,
        platforms: new Map([["tdx", "sha384"]]),
        versions: ["0.4.0"],
        olderSessions: new OlderSessionIds(store.nonceKey, store.epoch, ["tdx"]),
      });
      expect(narrow.olderSession(sessionId, START)).toBeUndefined();
      expect(await idOf(() => narrow.redeem(nonce, sessionId, START))).toBe("kbs.nonce-foreign");
    } finally {
      await end();
    }
  });
});
