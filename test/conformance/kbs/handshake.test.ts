import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { refusalOf, valuesOf, verdict } from "./http.ts";
import { ecKey, rsaKey } from "./jwe.ts";
import { boundTo, canonical, claimsIn, evidenceOver, Peer, tokenIn } from "./peer.ts";
import { serveFamilies } from "./trustee.ts";

const { each } = serveFamilies();

test("§1.7 the worked example of canonical JSON holds for the peer of these tests", () => {
  const digest = createHash("sha384")
    .update(canonical({ b: 1, a: "test", c: { d: "e" } }))
    .digest("hex");
  expect(digest).toBe("e71ce8e70d814ba6639c3612ebee0ff1f76f650f8dbb5e47157e0f3f525cd22c4597480a186427c813ca941da78870c3");
});

describe.each(each)("to peers of the family %s", (family, subject) => {
  const peer = () => new Peer(subject().url);

  test("§1.1 the protocol lies under /kbs/v0, and behind a gateway's prefix under /api/kbs/v0", async () => {
    for (const prefix of ["/kbs/v0", "/api/kbs/v0"]) {
      const { cookie, nonce } = await new Peer(subject().url, ecKey(), prefix).auth();
      const key = ecKey();
      const there = new Peer(subject().url, key, prefix);
      tokenIn(await there.attestAnswer({ cookie }, there.message({ nonce })));
    }
  });

  test("§1.3, §12.1.3 auth takes any JSON as extra-params, and members that it does not know", async () => {
    for (const extra of ["", "foo", {}, [], null, 7, true, { "supported-hash-algorithms": "x" }, { deep: [[[]]] }]) {
      const { answer } = await peer().auth({ "extra-params": extra, unknown: 1 });
      expect(JSON.parse(answer.body.toString())).toMatchObject({ "extra-params": "" });
    }
  });

  test("§1.3 auth wants all three members", async () => {
    for (const body of ['{"version":"0.4.0","tee":"tdx"}', '{"version":"0.4.0","extra-params":""}', '{"tee":"tdx","extra-params":""}']) {
      expect(verdict(await peer().post("auth", body))).toEndWith(" AttestationError kbs.message-malformed");
    }
  });

  test("§1.5 the challenge is a nonce of 44 characters of strict base64 and an empty text, in JSON", async () => {
    const { answer, nonce } = await peer().auth();
    expect(answer.body.toString()).toBe(JSON.stringify({ nonce, "extra-params": "" }));
    expect(valuesOf(answer, "content-type")).toEqual(["application/json"]);
    expect(nonce).toHaveLength(44);
    const bytes = Buffer.from(nonce, "base64");
    expect([bytes.length, bytes.toString("base64")]).toEqual([32, nonce]);
    expect((await peer().auth()).nonce).not.toBe(nonce);
  });

  test("§1.5, §12.1.2 the cookie has its name, 32 lower-case hex digits, Expires in five minutes and no other attribute", async () => {
    const before = Math.floor(Date.now() / 1000);
    const { answer } = await peer().auth();
    const after = Math.floor(Date.now() / 1000);
    const [cookie, ...more] = valuesOf(answer, "set-cookie");
    expect(more).toEqual([]);
    const [, date] = /^kbs-session-id=[0-9a-f]{32}; Expires=(\w{3}, \d{2} \w{3} \d{4} \d{2}:\d{2}:\d{2} GMT)$/.exec(cookie ?? "") ?? [];
    const expires = Date.parse(date ?? "") / 1000;
    expect(expires).toBeGreaterThanOrEqual(before + 300);
    expect(expires).toBeLessThanOrEqual(after + 300);
  });

  test("§1.6 attest answers a token and the cookie with the expiry that it had", async () => {
    const guest = peer();
    const opened = await guest.auth();
    const answer = await guest.attestAnswer(opened, guest.message(opened));
    expect(answer.body.toString()).toBe(JSON.stringify({ token: tokenIn(answer) }));
    expect(valuesOf(answer, "content-type")).toEqual(["application/json"]);
    expect(valuesOf(answer, "set-cookie")).toEqual(valuesOf(opened.answer, "set-cookie"));
  });

  test("§1.6, §12.1.4 init-data may be null, or not there", async () => {
    const guest = peer();
    for (const change of [{ "init-data": null }, { "init-data": undefined }]) {
      const opened = await guest.auth();
      tokenIn(await guest.attestAnswer(opened, JSON.stringify({ ...guest.message(opened), ...change })));
    }
  });

  test("§1.6 init-data of another format than toml is refused", async () => {
    const guest = peer();
    const opened = await guest.auth();
    const message = { ...guest.message(opened), "init-data": { format: "json", body: "{}" } };
    expect(verdict(await guest.attestAnswer(opened, message))).toEndWith(" AttestationError kbs.message-malformed");
  });

  test("§1.6 a header AAInstanceInfo and an API key beside the cookie change nothing", async () => {
    const guest = peer();
    const opened = await guest.auth();
    const headers = { Cookie: opened.cookie, AAInstanceInfo: '{"instance_id":"i"}', Authorization: "Bearer of-a-gateway" };
    tokenIn(await guest.post("attest", JSON.stringify(guest.message(opened)), headers));
  });

  test("§1.6, I3 attest again gives the same token to the identical body, and 401 to every other", async () => {
    const guest = peer();
    const opened = await guest.auth();
    const body = JSON.stringify(guest.message(opened));
    const first = await guest.attestAnswer(opened, body);
    const again = await guest.attestAnswer(opened, body);
    expect(again.body.equals(first.body)).toBe(true);
    expect(valuesOf(again, "set-cookie")).toEqual(valuesOf(first, "set-cookie"));
    for (const other of [`${body} `, "{}", JSON.stringify(new Peer(subject().url).message(opened))]) {
      expect(verdict(await guest.attestAnswer(opened, other))).toBe("401 AttestationError kbs.session-used");
    }
  });

  test("§1.6 attest without a cookie, or with one of another form, is refused", async () => {
    const guest = peer();
    const opened = await guest.auth();
    const body = JSON.stringify(guest.message(opened));
    expect(verdict(await guest.post("attest", body))).toBe("401 AttestationError kbs.session-unknown");
    for (const cookie of ["kbs-session-id=", "kbs-session-id=ABC", "other=1", `kbs-session-id=${"g".repeat(32)}`]) {
      expect(verdict(await guest.attestAnswer({ cookie }, body))).toBe("401 AttestationError kbs.session-unknown");
    }
  });

  test("§1.7 evidence is bound to nonce, key and the text of additional evidence", async () => {
    const guest = peer();
    const { jwk } = guest.key;
    const bent: ((nonce: string) => Uint8Array)[] = [
      (nonce) => boundTo({ nonce, "tee-pubkey": jwk }),
      (nonce) => boundTo({ "additional-evidence": " ", nonce, "tee-pubkey": jwk }),
      (nonce) => boundTo({ "additional-evidence": "", nonce: `${nonce}x`, "tee-pubkey": jwk }),
      (nonce) => boundTo({ "additional-evidence": "", nonce, "tee-pubkey": ecKey().jwk }),
      (nonce) => boundTo({ "additional-evidence": "", nonce, "tee-pubkey": { ...jwk, kid: "1" } }),
    ];
    for (const reportData of bent) {
      const opened = await guest.auth();
      const message = {
        ...guest.message(opened),
        "tee-evidence": { primary_evidence: evidenceOver(reportData(opened.nonce)), additional_evidence: "" },
      };
      expect(verdict(await guest.attestAnswer(opened, message))).toEndWith(" AttestationError tdx.report-data-mismatch");
    }
  });

  test("§1.7 members of the key that the protocol does not know are dropped before hashing", async () => {
    const guest = peer();
    const opened = await guest.auth();
    const message = guest.message(opened);
    const key = { use: "enc", key_ops: ["deriveKey"], ...guest.key.jwk, kid: "1" };
    const { token } = JSON.parse(
      (await guest.attestAnswer(opened, { ...message, "runtime-data": { nonce: opened.nonce, "tee-pubkey": key } })).body.toString(),
    ) as { token: string };
    const { submods } = claimsIn(token) as { submods: { cpu0: Record<string, { runtime_data_claims: object }> } };
    expect(submods.cpu0["ear.veraison.annotated-evidence"]?.runtime_data_claims).toEqual({
      "additional-evidence": "",
      nonce: opened.nonce,
      "tee-pubkey": guest.key.jwk,
    });
  });

  test("§1.6, I1 evidence of a CPU platform is no additional evidence, and devices that nobody verifies are none either", async () => {
    const guest = peer();
    for (const [tee, id] of [
      ["tdx", "kbs.evidence-class"],
      ["sample", "kbs.evidence-class"],
      ["aztdxvtpm", "kbs.evidence-class"],
      ["az-snp-vtpm", "kbs.evidence-class"],
      ["nvidia", "kbs.tee-unsupported"],
    ]) {
      const opened = await guest.auth();
      const answer = await guest.attestAnswer(opened, guest.message(opened, JSON.stringify({ [String(tee)]: {} })));
      expect(verdict(answer)).toEndWith(` AttestationError ${id}`);
    }
  });

  test("§1.4 another version is refused with both versions in the text, and a way to mend it", async () => {
    for (const version of ["0.1.0", "0.1.1", "0.2.0", "0.3.0", "0.4.1", "0.4.0-rc1", "^0.4.0", "1"]) {
      const answer = await peer().authAnswer({ version });
      expect(verdict(answer)).toBe(`${family === "coco" ? 401 : 502} AttestationError kbs.version-unsupported`);
      const { detail } = refusalOf(answer);
      expect(detail).toStartWith("Attestation error: RCAR handshake Auth failed: ");
      expect(detail).toEndWith(`expect =0.4.0 while the request is ${version}`);
      expect(detail).toContain("operator");
    }
  });

  test("§1.3 an unknown platform is a failed auth, under either spelling of its name", async () => {
    for (const tee of ["aztdxvtpm", "az-tdx-vtpm", "sev", "nvidia", "nope"]) {
      const answer = await peer().authAnswer({ tee });
      expect(verdict(answer)).toBe(`${family === "coco" ? 401 : 502} AttestationError kbs.tee-unsupported`);
    }
    expect(verdict(await peer().authAnswer({ tee: "TDX" }))).toEndWith("kbs.message-malformed");
  });

  test("§1.8 keys of other kinds are refused, RSA1_5 among them in this version", async () => {
    const point = { ...ecKey().jwk, y: Buffer.alloc(32, 1).toString("base64url") };
    const padded = { ...ecKey().jwk, x: `${ecKey().jwk["x"]}=` };
    for (const jwk of [rsaKey("RSA1_5").jwk, ecKey("P-384").jwk, point, padded, { kty: "oct", k: "AA" }, {}, "key", null]) {
      const guest = peer();
      const opened = await guest.auth();
      const message = { ...guest.message(opened), "runtime-data": { nonce: opened.nonce, "tee-pubkey": jwk } };
      expect(verdict(await guest.attestAnswer(opened, message))).toBe(
        `${family === "coco" ? 401 : 400} AttestationError kbs.tee-key-invalid`,
      );
    }
  });
});
