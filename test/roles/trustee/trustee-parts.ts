import { DEFAULT_HASH, type PeerFamily, type ProtocolVersion } from "../../../src/protocol/index.ts";
import type { AttestationParts } from "../../../src/roles/trustee/attestation.ts";
import { AttestationPolicyInForce } from "../../../src/roles/trustee/attestation-policy.ts";
import { Denials } from "../../../src/roles/trustee/denial.ts";
import { Handshakes } from "../../../src/roles/trustee/handshake.ts";
import { loadTrusteeKeys } from "../../../src/roles/trustee/identity.ts";
import { initTrustee } from "../../../src/roles/trustee/init.ts";
import { Nonces } from "../../../src/roles/trustee/nonce.ts";
import { OlderSessionIds } from "../../../src/roles/trustee/older-session.ts";
import { Realms } from "../../../src/roles/trustee/realm.ts";
import { Recorder } from "../../../src/roles/trustee/recorder.ts";
import { ReferenceUsage } from "../../../src/roles/trustee/reference-usage.ts";
import type { ReleaseParts } from "../../../src/roles/trustee/release.ts";
import { createLogger } from "../../../src/system/index.ts";
import type { Verifier } from "../../../src/tee/index.ts";
import { loadAnchors, parseBundle, tdxVerifier } from "../../../src/tee/tdx/index.ts";
import { platform, START } from "./kbs-world.ts";
import { openData, scratchData } from "./scratch.ts";

/** What attestation and release work with, without a server around it. */
export interface TrusteeParts {
  readonly parts: AttestationParts & ReleaseParts;
  end(): Promise<void>;
}

/** @param more  verifiers besides that of TDX, by the names of their platforms */
export async function openParts({
  more = {},
  family = "openanolis",
  versions = ["0.4.0"],
}: {
  more?: Readonly<Record<string, Verifier>>;
  family?: PeerFamily;
  versions?: readonly ProtocolVersion[];
} = {}): Promise<TrusteeParts> {
  const { dataDir, remove } = scratchData();
  await initTrustee({ dataDir, simulated: true, clock: () => START });
  const store = await openData(dataDir, START);
  const keys = await loadTrusteeKeys(store);
  const collateral = parseBundle(platform.bundle());
  const tdx = tdxVerifier({ collateral: () => collateral, expired: "report" });
  const verifiers = new Map<string, Verifier>([["tdx", tdx], ...Object.entries(more)]);
  const handshakes = new Handshakes({
    nonces: new Nonces(store.nonceKey, keys.tid, store.epoch),
    store,
    tid: keys.tid,
    platforms: new Map([...verifiers].map(([tee, { runtimeDataHash = DEFAULT_HASH }]) => [tee, runtimeDataHash])),
    versions,
    olderSessions: new OlderSessionIds(store.nonceKey, store.epoch, [...verifiers.keys()]),
  });
  const parts = {
    store,
    keys,
    handshakes,
    verifiers,
    anchors: [loadAnchors(new TextEncoder().encode(platform.anchorPem), true)],
    policy: new AttestationPolicyInForce(store),
    recorder: new Recorder(store, createLogger("silent")),
    realms: new Realms(store),
    denials: new Denials(store),
    usage: new ReferenceUsage(store),
    collateralGraceSeconds: 0,
    issuerName: "an issuer",
    family,
    versions,
  };
  const end = async () => {
    await store.close();
    remove();
  };
  return { parts, end };
}
