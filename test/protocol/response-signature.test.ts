import { describe, expect, test } from "bun:test";
import { createHash, generateKeyPairSync, verify } from "node:crypto";
import fc from "fast-check";
import { jwkThumbprint, publicJwkOf } from "../../src/crypto/index.ts";
import {
  bodyContext,
  createResponseSigner,
  createResponseVerifier,
  KEYLESS_CONTEXT,
  keyContext,
  type SignedAnswer,
  signedBytes,
} from "../../src/protocol/index.ts";
import { rejection } from "../rejection.ts";
import { OTHER_TID, teeKey, utf8 } from "./samples.ts";

const identity = generateKeyPairSync("ec", { namedCurve: "P-256" });
const signer = createResponseSigner(identity.privateKey);
const answer: SignedAnswer = {
  method: "GET",
  target: "/kbs/v0/resource/a/b/c",
  status: 200,
  context: keyContext(teeKey),
  body: utf8("{}"),
};
const { context, ...unsigned } = answer;

describe("Cai-Signature", () => {
  test("signs exactly the bytes that the design says", () => {
    const expected = Buffer.concat([
      Buffer.from("cai/kbs-response/v1\0GET /kbs/v0/resource/a/b/c\x00200\0"),
      createHash("sha256")
        .update(JSON.stringify({ alg: teeKey.alg, ...sorted(teeKey) }))
        .digest(),
      createHash("sha256").update("{}").digest(),
    ]);
    expect(Buffer.from(signedBytes(answer))).toEqual(expected);
    expect(Buffer.from(bodyContext("q"))).toEqual(createHash("sha256").update("q").digest());
    expect(Buffer.from(KEYLESS_CONTEXT)).toEqual(createHash("sha256").digest());
  });

  test("names the identity by its key's thumbprint, and any ECDSA verifier takes it", () => {
    const [version, tid, signature] = signer.sign(answer).split(";");
    expect(version).toBe("v1");
    expect(tid).toBe(jwkThumbprint(publicJwkOf(identity.publicKey)));
    const key = { key: identity.publicKey, dsaEncoding: "ieee-p1363" as const };
    expect(verify("sha256", signedBytes(answer), key, Buffer.from(signature ?? "", "base64url"))).toBe(true);
  });

  test("is accepted by whoever knows the thumbprint only, the first time and later", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 64 }), { minLength: 1, maxLength: 4 }), (bodies) => {
        const verifier = createResponseVerifier(signer.tid);
        for (const body of bodies) verifier.verify(signer.sign({ ...answer, body }), { ...unsigned, body }, [KEYLESS_CONTEXT, context]);
      }),
      { numRuns: 25 },
    );
  });

  const knowing = () => {
    const verifier = createResponseVerifier(signer.tid);
    verifier.verify(signer.sign(answer), unsigned, [context]);
    return verifier;
  };

  describe.each([
    ["that sees the identity for the first time", () => createResponseVerifier(signer.tid)],
    ["that knows the identity's key", knowing],
  ])("a verifier %s", (_name, verifier) => {
    test.each([
      ["another method", { method: "POST" }],
      ["another resource", { target: "/kbs/v0/resource/a/b/d" }],
      ["another status", { status: 404 }],
      ["another body", { body: utf8("{ }") }],
      ["another guest's key", { context: bodyContext("another") }],
    ])("refuses a signature over an answer with %s", (_what, change) => {
      const header = signer.sign({ ...answer, ...change });
      expect(rejection(() => verifier().verify(header, unsigned, [context])).id).toBe("agent.response-mismatch");
    });

    test("refuses a missing signature and a stranger's", () => {
      const stranger = createResponseSigner(generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey);
      expect(rejection(() => verifier().verify(null, unsigned, [context])).id).toBe("agent.trustee-mismatch");
      expect(rejection(() => verifier().verify(stranger.sign(answer), unsigned, [context])).id).toBe("agent.trustee-mismatch");
      const forged = stranger.sign(answer).replace(stranger.tid, signer.tid);
      expect(rejection(() => verifier().verify(forged, unsigned, [context])).id).toBe("agent.response-mismatch");
    });

    test.each([
      ["another version", (header: string) => header.replace("v1", "v2"), "agent.trustee-mismatch"],
      ["another identity's name", (header: string) => header.replace(signer.tid, OTHER_TID), "agent.trustee-mismatch"],
      ["a further part", (header: string) => `${header};x`, "agent.trustee-mismatch"],
      ["a short signature", (header: string) => header.slice(0, -4), "agent.response-mismatch"],
      ["no signature bytes", (header: string) => `${header.split(";").slice(0, 2).join(";")};`, "agent.response-mismatch"],
      ["zeros for a signature", () => `v1;${signer.tid};${"A".repeat(86)}`, "agent.response-mismatch"],
      ["padding", (header: string) => `${header}==`, "agent.response-mismatch"],
    ] as const)("refuses %s", (_what, change, id) => {
      expect(rejection(() => verifier().verify(change(signer.sign(answer)), unsigned, [context])).id).toBe(id);
    });

    test("refuses every flipped bit of the signature", () => {
      const [version, tid, text] = signer.sign(answer).split(";");
      const signature = Buffer.from(text ?? "", "base64url");
      for (let bit = 0; bit < 512; bit += 11) {
        const flipped = Buffer.from(signature);
        flipped[bit >> 3]! ^= 1 << (bit & 7);
        const header = `${version};${tid};${flipped.toString("base64url")}`;
        expect(rejection(() => verifier().verify(header, unsigned, [context])).id).toBe("agent.response-mismatch");
      }
    });
  });
});

function sorted(key: object): object {
  return Object.fromEntries(Object.entries(key).sort(([a], [b]) => (a < b ? -1 : 1)));
}
