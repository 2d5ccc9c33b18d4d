import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { caiError } from "../../e2e/cai.ts";
import { refusalOf, verdict } from "./http.ts";
import { ecKey, type GuestKey, openAsFirstVersion, openAsUpstream, rsaKey } from "./jwe.ts";
import { boundTo, claimsIn, evidenceOver, type Opened, Peer, tokenIn } from "./peer.ts";
import { type Subject, startSubject, store } from "./trustee.ts";

const SECRET = "secret for old guests";
const NAME = "resource/default/key/old";
let subject: Subject;
let narrow: Subject;
beforeAll(async () => {
  [subject, narrow] = await Promise.all([
    startSubject("--protocol-versions", "0.1.1,0.2.0,0.3.0"),
    startSubject("--protocol-versions", "0.2.0"),
  ]);
  await store(subject, "default/key/old", SECRET);
}, 60_000);
afterAll(() => Promise.all([subject.end(), narrow.end()]));

type Message = ReturnType<Peer["message"]>;
interface Generation {
  readonly version: string;
  readonly key: () => GuestKey;
  readonly message: (peer: Peer, opened: Opened) => Message;
  readonly open: typeof openAsUpstream;
}

const GENERATIONS: readonly Generation[] = [
  { version: "0.1.1", key: () => rsaKey("RSA1_5"), message: (peer, opened) => peer.singleMessage(opened), open: openAsFirstVersion },
  { version: "0.2.0", key: () => ecKey(), message: (peer, opened) => peer.singleMessage(opened), open: openAsUpstream },
  { version: "0.2.0", key: () => rsaKey("RSA-OAEP-256"), message: (peer, opened) => peer.singleMessage(opened), open: openAsUpstream },
  { version: "0.3.0", key: () => ecKey(), message: (peer, opened) => peer.compositeMessage(opened), open: openAsUpstream },
  { version: "0.4.0", key: () => ecKey(), message: (peer, opened) => peer.message(opened), open: openAsUpstream },
];

const otherForm = (version: string) => (version === "0.4.0" ? "singleMessage" : "message");

describe.each(GENERATIONS)("§1.4 a guest of version $version", ({ version, key, message, open }) => {
  test("attests and gets its resource, by session and by token, in the form of its version", async () => {
    const guest = new Peer(subject.url, key());
    const opened = await guest.auth({ version });
    expect(opened.answer.body.toString()).toBe(JSON.stringify({ nonce: opened.nonce, "extra-params": "" }));
    expect(opened.cookie).toMatch(/^kbs-session-id=[0-9a-f]{32}$/);
    const token = tokenIn(await guest.attestAnswer(opened, message(guest, opened)));
    for (const headers of [{ Cookie: opened.cookie }, { Authorization: `Bearer ${token}` }]) {
      const answer = await guest.get(NAME, headers);
      const { plaintext, header } = open(answer.body, guest.key);
      expect(plaintext).toBe(SECRET);
      if (version === "0.1.1") expect(header).toBe('{"alg":"RSA1_5","enc":"A256GCM"}');
    }
  });

  test("gets a token that says which version it was", async () => {
    const guest = new Peer(subject.url, key());
    const opened = await guest.auth({ version });
    const claims = claimsIn(tokenIn(await guest.attestAnswer(opened, message(guest, opened))));
    expect(claims["cai"]).toMatchObject({ protocol: version, binding: "plain", fresh: "nonce", use: "kbs" });
  });

  test("has a nonce that is good once, also where the attempt fails (I2)", async () => {
    const guest = new Peer(subject.url, key());
    const opened = await guest.auth({ version });
    const good = message(guest, opened);
    const evidence = evidenceOver(boundTo({ nonce: "another" }));
    const bad = { ...good, "tee-evidence": version < "0.3" ? evidence : { primary_evidence: evidence, additional_evidence: "" } };
    expect(verdict(await guest.attestAnswer(opened, bad))).toBe("502 AttestationError tdx.report-data-mismatch");
    expect(verdict(await guest.attestAnswer(opened, good))).toBe("502 AttestationError kbs.nonce-spent");
  });

  test("attests once: the identical body gives the token again, another one does not (I3)", async () => {
    const guest = new Peer(subject.url, key());
    const opened = await guest.auth({ version });
    const body = JSON.stringify(message(guest, opened));
    const token = tokenIn(await guest.attestAnswer(opened, body));
    expect(tokenIn(await guest.attestAnswer(opened, body))).toBe(token);
    expect(verdict(await guest.attestAnswer(opened, `${body}\n`))).toBe("401 AttestationError kbs.session-used");
  });

  test("cannot attest in the form of another version, which spends its nonce", async () => {
    const guest = new Peer(subject.url, key());
    const opened = await guest.auth({ version });
    const other = guest[otherForm(version)](opened);
    expect(verdict(await guest.attestAnswer(opened, other))).toBe("502 AttestationError kbs.message-malformed");
    if (version !== "0.4.0") {
      expect(verdict(await guest.attestAnswer(opened, message(guest, opened)))).toBe("502 AttestationError kbs.nonce-spent");
    }
  });

  test("loses its nonce by a body that cannot be read, where the session alone knows it (I2)", async () => {
    const guest = new Peer(subject.url, key());
    const opened = await guest.auth({ version });
    expect(verdict(await guest.attestAnswer(opened, "{"))).toBe("502 AttestationError kbs.message-malformed");
    const answer = await guest.attestAnswer(opened, message(guest, opened));
    if (version === "0.4.0") expect(answer.status).toBe(200);
    else expect(verdict(answer)).toBe("502 AttestationError kbs.nonce-spent");
  });

  test("cannot use the evidence, the nonce or the cookie of another session", async () => {
    const guest = new Peer(subject.url, key());
    const [one, two] = [await guest.auth({ version }), await guest.auth({ version })];
    const refused = verdict(await guest.attestAnswer(two, message(guest, one)));
    expect(refused).toBe(`502 AttestationError ${version === "0.4.0" ? "kbs.nonce-foreign" : "tdx.report-data-mismatch"}`);
  });
});

describe("§1.4 between versions", () => {
  test("a session of one is none of another: 0.4.0 cannot be stepped down (security.md §3.1)", async () => {
    const guest = new Peer(subject.url);
    const newest = await guest.auth();
    expect(verdict(await guest.attestAnswer(newest, guest.compositeMessage(newest)))).toBe("502 AttestationError kbs.message-malformed");
    for (const version of ["0.2.0", "0.3.0"]) {
      const older = await guest.auth({ version });
      expect(verdict(await guest.attestAnswer(older, guest.message(older)))).toBe("502 AttestationError kbs.message-malformed");
      const again = await guest.auth();
      const carried = guest.message({ nonce: older.nonce });
      expect(verdict(await guest.attestAnswer(again, carried))).toBe("502 AttestationError kbs.nonce-foreign");
    }
  });

  test("RSA1_5 belongs to 0.1.1 alone, and 0.1.1 has nothing else (security.md §3.4)", async () => {
    for (const version of ["0.2.0", "0.3.0", "0.4.0"]) {
      const guest = new Peer(subject.url, rsaKey("RSA1_5"));
      const opened = await guest.auth({ version });
      const body =
        version === "0.4.0" ? guest.message(opened) : version === "0.3.0" ? guest.compositeMessage(opened) : guest.singleMessage(opened);
      expect(verdict(await guest.attestAnswer(opened, body))).toBe("400 AttestationError kbs.tee-key-invalid");
    }
    for (const key of [ecKey(), rsaKey("RSA-OAEP-256")]) {
      const guest = new Peer(subject.url, key);
      const opened = await guest.auth({ version: "0.1.1" });
      expect(verdict(await guest.attestAnswer(opened, guest.singleMessage(opened)))).toBe("400 AttestationError kbs.tee-key-invalid");
    }
  });

  test("no tagged binding is agreed on in an older one", async () => {
    const { answer } = await new Peer(subject.url).auth({ version: "0.3.0", "extra-params": { cai: { v: 1 } } });
    expect(JSON.parse(answer.body.toString())).toMatchObject({ "extra-params": "" });
  });

  test("only those are spoken that the operator named, and the answer to others names them", async () => {
    const guest = new Peer(narrow.url);
    await guest.auth({ version: "0.2.0" });
    for (const version of ["0.1.1", "0.3.0", "0.1.0", "0.4.1"]) {
      const answer = await guest.authAnswer({ version });
      expect(verdict(answer)).toBe("502 AttestationError kbs.version-unsupported");
      expect(refusalOf(answer).detail).toContain("0.4.0 or 0.2.0");
      expect(refusalOf(answer).detail).toEndWith(`expect =0.4.0 while the request is ${version}`);
    }
  });

  test("a made-up session id is no session of an older version", async () => {
    const guest = new Peer(subject.url);
    const body = JSON.stringify(guest.singleMessage({ nonce: "n" }));
    for (let i = 0; i < 50; i++) {
      const cookie = `kbs-session-id=${Buffer.from(crypto.getRandomValues(new Uint8Array(16))).toString("hex")}`;
      expect(verdict(await guest.attestAnswer({ cookie }, body))).toBe("502 AttestationError kbs.message-malformed");
    }
  });
});

test("a version that does not exist, and a family that does not, are settings that cannot be", async () => {
  const flags = ["trustee", "serve", "--data", `${subject.folder}/other`, "--listen", "127.0.0.1:0"];
  for (const wrong of [
    ["--protocol-versions", "0.1.0"],
    ["--protocol-versions", ""],
    ["--compat", "kata"],
  ]) {
    expect(await caiError([...flags, ...wrong])).toMatchObject({ status: 2, id: "cli.setting-invalid" });
  }
});
