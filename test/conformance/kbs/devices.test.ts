import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { refusalOf, verdict } from "./http.ts";
import { openAsUpstream } from "./jwe.ts";
import { canonical, claimsIn, type Opened, Peer, tokenIn } from "./peer.ts";
import { ALLOW_ALL, type Subject, setResourcePolicy, startSubject, store } from "./trustee.ts";

const SECRET = "secret for a machine with devices";
const NAME = "resource/default/key/devices";
let subject: Subject;
beforeAll(async () => {
  subject = await startSubject("--accept-sample");
  await store(subject, "default/key/devices", SECRET);
}, 60_000);
afterAll(() => subject.end());

type Member = Parameters<typeof canonical>[0];
type Evidence = Record<string, string>;

/** Evidence of software: the digest of what it is bound to, as it is, in base64 (trustee.md §6.5). */
function sample(runtimeData: Member, more: Evidence = {}): Evidence {
  const digest = createHash("sha384").update(canonical(runtimeData)).digest("base64");
  return { svn: "1", report_data: digest, ...more };
}

const device = (peer: Peer, { nonce }: { readonly nonce: string }) => sample({ nonce, "tee-pubkey": peer.key.jwk });

/** The Attestation of a machine whose platform is `sample`. */
function sampleMessage(peer: Peer, opened: Opened, additional = "", more: Evidence = {}) {
  const bound = sample({ "additional-evidence": additional, nonce: opened.nonce, "tee-pubkey": peer.key.jwk }, more);
  return { ...peer.message(opened, additional), "tee-evidence": { primary_evidence: bound, additional_evidence: additional } };
}

type Submods = Record<string, Record<string, Record<string, unknown>>>;
const submodsOf = (token: string) => claimsIn(token)["submods"] as Submods;

describe("§1.6, §1.7 composite evidence", () => {
  test("of TDX with a device gives the token a submodule gpu0, bound by runtime data of its own", async () => {
    const peer = new Peer(subject.url);
    const opened = await peer.auth();
    const additional = JSON.stringify({ sampledevice: device(peer, opened) });
    const submods = submodsOf(tokenIn(await peer.attestAnswer(opened, peer.message(opened, additional))));
    expect(Object.keys(submods)).toEqual(["cpu0", "gpu0"]);
    const own = { nonce: opened.nonce, "tee-pubkey": peer.key.jwk };
    expect(submods["cpu0"]?.["ear.veraison.annotated-evidence"]?.["runtime_data_claims"]).toEqual({
      "additional-evidence": additional,
      ...own,
    });
    expect(submods["gpu0"]?.["ear.veraison.annotated-evidence"]).toMatchObject({ runtime_data_claims: own, sampledevice: { svn: "1" } });
  });

  test("is what a resource policy can ask for", async () => {
    await setResourcePolicy(subject, "package policy\nimport rego.v1\ndefault allow := false\nallow if input.submods.gpu0\n");
    try {
      const [without, withDevice] = [new Peer(subject.url), new Peer(subject.url)];
      const { cookie } = await without.attest();
      expect(verdict(await without.get(NAME, { Cookie: cookie }))).toBe("403 PolicyDeny kbs.policy-denied");
      const opened = await withDevice.auth();
      const additional = JSON.stringify({ sampledevice: device(withDevice, opened) });
      tokenIn(await withDevice.attestAnswer(opened, withDevice.message(opened, additional)));
      const answer = await withDevice.get(NAME, { Cookie: opened.cookie });
      expect(openAsUpstream(answer.body, withDevice.key).plaintext).toBe(SECRET);
    } finally {
      await setResourcePolicy(subject, ALLOW_ALL);
    }
  });

  test("is hashed as the text that was sent, and not as it would be written anew", async () => {
    const peer = new Peer(subject.url);
    for (const write of [(value: object) => JSON.stringify(value, null, 2), (value: object) => ` ${JSON.stringify(value)}\n`]) {
      const opened = await peer.auth();
      const additional = write({ sampledevice: device(peer, opened) });
      tokenIn(await peer.attestAnswer(opened, peer.message(opened, additional)));
      const again = await peer.auth();
      const bound = peer.message(again, write({ sampledevice: device(peer, again) }))["tee-evidence"] as Record<string, Member>;
      const other = JSON.stringify({ sampledevice: device(peer, again) });
      const message = { ...peer.message(again), "tee-evidence": { ...bound, additional_evidence: other } };
      expect(verdict(await peer.attestAnswer(again, message))).toBe("502 AttestationError tdx.report-data-mismatch");
    }
  });

  test("with a device of another run, of another key, or of none is refused whole (I7)", async () => {
    const [peer, stranger] = [new Peer(subject.url), new Peer(subject.url)];
    const other = await peer.auth();
    const grafts: ((opened: Opened) => Evidence)[] = [
      () => device(peer, other),
      (opened) => device(stranger, opened),
      (opened) => sample({ "additional-evidence": "", nonce: opened.nonce, "tee-pubkey": peer.key.jwk }),
      () => ({ svn: "1", report_data: "" }),
    ];
    for (const graft of grafts) {
      const opened = await peer.auth();
      const additional = JSON.stringify({ sampledevice: graft(opened) });
      expect(verdict(await peer.attestAnswer(opened, peer.message(opened, additional)))).toBe(
        "502 AttestationError sample.report-data-mismatch",
      );
    }
  });

  test("has no second CPU platform: neither TDX beside a sample nor a sample beside TDX (I1)", async () => {
    const peer = new Peer(subject.url);
    const opened = await peer.auth({ tee: "sample" });
    const tdx = (peer.message(opened)["tee-evidence"] as Record<string, Member>)["primary_evidence"] ?? null;
    const beside = await peer.attestAnswer(opened, sampleMessage(peer, opened, JSON.stringify({ tdx })));
    expect(verdict(beside)).toBe("502 AttestationError kbs.evidence-class");
    const next = await peer.auth();
    const additional = JSON.stringify({ sample: device(peer, next) });
    expect(verdict(await peer.attestAnswer(next, peer.message(next, additional)))).toBe("502 AttestationError kbs.evidence-class");
  });

  test("has no device in the first place (I1)", async () => {
    const answer = await new Peer(subject.url).authAnswer({ tee: "sampledevice" });
    expect(verdict(answer)).toBe("502 AttestationError kbs.evidence-class");
    expect(refusalOf(answer).detail).toStartWith("Attestation error: RCAR handshake Auth failed: ");
  });

  test("with more devices than any machine has is refused", async () => {
    const peer = new Peer(subject.url);
    const opened = await peer.auth();
    const many = JSON.stringify(Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`device${i}`, {}])));
    expect(verdict(await peer.attestAnswer(opened, peer.message(opened, many)))).toBe("502 AttestationError kbs.message-malformed");
  });
});

describe("§12.1.6 sample evidence", () => {
  test.each([
    ["of openanolis agents, with a register", { measure_register: "00".repeat(32) }],
    ["of CoCo agents, without one", {}],
  ] as const)("%s opens a resource where the operator takes it", async (_name, more) => {
    const peer = new Peer(subject.url);
    const opened = await peer.auth({ tee: "sample" });
    const token = tokenIn(await peer.attestAnswer(opened, sampleMessage(peer, opened, "", more)));
    expect(submodsOf(token)["cpu0"]?.["ear.veraison.annotated-evidence"]).toHaveProperty("sample");
    expect(claimsIn(token)).toMatchObject({ simulated: true, cai: { world: "simulated" } });
    const answer = await peer.get(NAME, { Cookie: opened.cookie });
    expect(openAsUpstream(answer.body, peer.key).plaintext).toBe(SECRET);
  });

  test("may have devices beside it, too", async () => {
    const peer = new Peer(subject.url);
    const opened = await peer.auth({ tee: "sample" });
    const additional = JSON.stringify({ sampledevice: device(peer, opened) });
    const token = tokenIn(await peer.attestAnswer(opened, sampleMessage(peer, opened, additional)));
    expect(Object.keys(submodsOf(token))).toEqual(["cpu0", "gpu0"]);
  });
});
