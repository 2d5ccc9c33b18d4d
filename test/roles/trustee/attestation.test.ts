import { expect, test } from "bun:test";
import { type AttestationParts, attest } from "../../../src/roles/trustee/attestation.ts";
import { AttestationPolicyInForce } from "../../../src/roles/trustee/attestation-policy.ts";
import { Denials } from "../../../src/roles/trustee/denial.ts";
import { Handshakes } from "../../../src/roles/trustee/handshake.ts";
import { loadTrusteeKeys } from "../../../src/roles/trustee/identity.ts";
import { initTrustee } from "../../../src/roles/trustee/init.ts";
import { Nonces } from "../../../src/roles/trustee/nonce.ts";
import { Recorder } from "../../../src/roles/trustee/recorder.ts";
import { ReferenceUsage } from "../../../src/roles/trustee/reference-usage.ts";
import { openStore } from "../../../src/roles/trustee/store/index.ts";
import { CaiError, createLogger } from "../../../src/system/index.ts";
import { loadAnchors, parseBundle, tdxVerifier } from "../../../src/tee/tdx/index.ts";
import { Guest, platform, START } from "./kbs-world.ts";
import { idOf, scratchData } from "./scratch.ts";

test("a token that could not be recorded is not given, nor when the same body comes again", async () => {
  const { dataDir, remove } = scratchData();
  await initTrustee({ dataDir, simulated: true, clock: () => START });
  const store = openStore(dataDir, START);
  try {
    const keys = await loadTrusteeKeys(store);
    const collateral = parseBundle(platform.bundle());
    let full = true;
    const decisions: typeof store.decisions = {
      get: (ref) => store.decisions.get(ref),
      list: (query) => store.decisions.list(query),
      async append(decision) {
        if (full) throw new CaiError("store.unreadable", "the disk is full");
        return store.decisions.append(decision);
      },
    };
    const parts: AttestationParts = {
      store,
      keys,
      handshakes: new Handshakes(new Nonces(store.nonceKey, keys.tid, store.epoch), store, keys.tid, ["tdx"]),
      verifiers: new Map([["tdx", tdxVerifier({ collateral: () => collateral, expired: "report" })]]),
      anchors: [loadAnchors(new TextEncoder().encode(platform.anchorPem), true)],
      policy: new AttestationPolicyInForce(store),
      recorder: new Recorder({ ...store, decisions }, createLogger("silent")),
      denials: new Denials(store),
      usage: new ReferenceUsage(store),
      collateralGraceSeconds: 0,
    };
    const request = JSON.stringify({ version: "0.4.0", tee: "tdx", "extra-params": { cai: { v: 1 } } });
    const { sessionId, challenge } = parts.handshakes.open(new TextEncoder().encode(request), START);
    const { nonce } = JSON.parse(challenge) as { nonce: string };
    const body = new Guest({ url: "" }).attestBody({ cookie: "", nonce, tid: keys.tid });
    const call = { body: new TextEncoder().encode(body), sessionId, client: "test", now: START };
    expect(await idOf(() => attest(parts, call))).toBe("store.unreadable");
    full = false;
    expect(await idOf(() => attest(parts, call))).toBe("kbs.nonce-spent");
  } finally {
    await store.close();
    remove();
  }
});
