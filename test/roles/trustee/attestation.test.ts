import { expect, test } from "bun:test";
import { attest } from "../../../src/roles/trustee/attestation.ts";
import { Recorder } from "../../../src/roles/trustee/recorder.ts";
import { CaiError, createLogger } from "../../../src/system/index.ts";
import { Guest, START } from "./kbs-world.ts";
import { idOf } from "./scratch.ts";
import { openParts } from "./trustee-parts.ts";

test("a token that could not be recorded is not given, nor when the same body comes again", async () => {
  const { parts: whole, end } = await openParts();
  const { store, keys } = whole;
  try {
    let full = true;
    const decisions: typeof store.decisions = {
      get: (ref) => store.decisions.get(ref),
      list: (query) => store.decisions.list(query),
      async append(decision) {
        if (full) throw new CaiError("store.unreadable", "the disk is full");
        return store.decisions.append(decision);
      },
    };
    const parts = { ...whole, recorder: new Recorder({ ...store, decisions }, createLogger("silent")) };
    const request = JSON.stringify({ version: "0.4.0", tee: "tdx", "extra-params": { cai: { v: 1 } } });
    const { sessionId, challenge } = parts.handshakes.open(new TextEncoder().encode(request), START);
    const { nonce } = JSON.parse(challenge) as { nonce: string };
    const body = new Guest({ url: "" }).attestBody({ cookie: "", nonce, tid: keys.tid });
    const call = { body: new TextEncoder().encode(body), sessionId, client: "test", now: START };
    expect(await idOf(() => attest(parts, call))).toBe("store.unreadable");
    full = false;
    expect(await idOf(() => attest(parts, call))).toBe("kbs.nonce-spent");
  } finally {
    await end();
  }
});
