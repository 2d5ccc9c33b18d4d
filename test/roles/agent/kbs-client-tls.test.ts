import { afterAll, beforeEach, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import type { TrusteePin } from "../../../src/protocol/index.ts";
import { createKbsClient } from "../../../src/roles/agent/kbs-client.ts";
import { createLogger } from "../../../src/system/index.ts";
import { utf8 } from "../../protocol/samples.ts";
import { asyncRejection } from "../../rejection.ts";
import { makeTlsIdentity } from "../../tls-identity.ts";
import { FakeAttester, FakeTrustee } from "./fake-trustee.ts";

const URI = "kbs:///default/model/qwen";
const SECRET = utf8("secret");

const { cert, key, spki } = makeTlsIdentity();
const trustee = new FakeTrustee("upstream", { cert, key });
trustee.resources.set(URI, SECRET);
afterAll(() => trustee.stop());
beforeEach(() => {
  trustee.requests.length = 0;
});

function client(pin?: TrusteePin) {
  return createKbsClient({
    trustee: trustee.url,
    attester: new FakeAttester(),
    logger: createLogger("silent"),
    ca: cert,
    retry: { attempts: 1 },
    ...(pin && { pin }),
  });
}
const spkiPin = (bytes: Uint8Array): TrusteePin => ({ kind: "spki", digest: createHash("sha256").update(bytes).digest() });

describe("an upstream trustee behind TLS", () => {
  test("is recognised by its certificate, and by its pinned key", async () => {
    expect(await client().resource(URI)).toEqual(SECRET);
    expect(await client(spkiPin(spki)).resource(URI)).toEqual(SECRET);
  });

  test("with another key than the pinned one is told nothing, though its certificate is good", async () => {
    expect((await asyncRejection(client(spkiPin(utf8("another key"))).resource(URI))).id).toBe("agent.trustee-mismatch");
    expect(trustee.requests).toEqual([]);
  });

  test("with a certificate that nobody vouches for is told nothing, though its key is the pinned one", async () => {
    const stranger = createKbsClient({
      trustee: trustee.url,
      attester: new FakeAttester(),
      logger: createLogger("silent"),
      pin: spkiPin(spki),
    });
    expect((await asyncRejection(stranger.resource(URI))).id).toBe("net.tls-failed");
    expect(trustee.requests).toEqual([]);
  });

  test("does not pass for a trustee that is pinned by its identity, though its certificate is good", async () => {
    const error = await asyncRejection(client({ kind: "tid", tid: "A".repeat(43) }).resource(URI));
    expect(error.id).toBe("agent.trustee-mismatch");
    expect(trustee.requests).toHaveLength(1);
  });
});
