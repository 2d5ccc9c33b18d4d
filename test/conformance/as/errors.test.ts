import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { removeScratch, stopAll } from "../../e2e/cai.ts";
import { attestation, b64url, digestOf, type Json, post, type Service, startService, tdxEvidence } from "./service.ts";

let openanolis: Service;
let coco: Service;
beforeAll(async () => {
  openanolis = await startService();
  coco = await startService("--compat", "coco");
}, 60_000);
afterAll(async () => {
  await stopAll();
  for (const { folder } of [openanolis, coco]) removeScratch(folder);
});

const PREFIX = "https://github.com/confidential-containers/attestation-service/errors/";
const good = async (): Promise<{ [name: string]: Json }> => ({
  tee: "tdx",
  evidence: await tdxEvidence(openanolis, digestOf({ a: 1 })),
  runtime_data: { structured: { a: 1 } },
});
const quoteOf = (bytes: Uint8Array): string => b64url(JSON.stringify({ quote: Buffer.from(bytes).toString("base64"), cc_eventlog: null }));

/** What is sent, and the status, type, code and field of the answer. */
const CASES: [what: string, body: () => Promise<Json | string>, status: number, type: string, code: string, field: string | undefined][] = [
  ["what is no JSON", async () => "{", 400, "BadRequest", "AS.REQUEST.INVALID_JSON", "body"],
  ["another JSON", async () => [], 400, "BadRequest", "AS.REQUEST.INVALID_JSON", "body"],
  [
    "no requests",
    async () => ({ verification_requests: [], policy_ids: [] }),
    400,
    "BadRequest",
    "AS.REQUEST.INVALID_JSON",
    "verification_requests",
  ],
  [
    "another hash algorithm",
    async () => ({ verification_requests: [{ ...(await good()), runtime_data_hash_algorithm: "md5" }], policy_ids: [] }),
    400,
    "BadRequest",
    "AS.REQUEST.INVALID_ARGUMENT",
    "verification_requests[0].runtime_data_hash_algorithm",
  ],
  [
    "report data that are too long",
    async () => ({ verification_requests: [{ ...(await good()), runtime_data: { raw: b64url(new Uint8Array(65)) } }], policy_ids: [] }),
    400,
    "BadRequest",
    "AS.REQUEST.INVALID_ARGUMENT",
    "verification_requests[0].runtime_data",
  ],
  [
    "an unknown policy",
    async () => ({ verification_requests: [await good()], policy_ids: ["nobody-put-it"] }),
    400,
    "BadRequest",
    "AS.REQUEST.INVALID_ARGUMENT",
    "policy_ids",
  ],
  [
    "a platform that is not verified",
    async () => ({ verification_requests: [await good(), { tee: "snp", evidence: "e30" }], policy_ids: [] }),
    400,
    "BadRequest",
    "AS.REQUEST.UNSUPPORTED_TEE",
    "verification_requests[1].tee",
  ],
  [
    "sample evidence, which nobody said to take (security.md I11)",
    async () => ({ verification_requests: [{ tee: "sample", evidence: b64url('{"svn":"1","report_data":""}') }], policy_ids: [] }),
    400,
    "BadRequest",
    "AS.REQUEST.UNSUPPORTED_TEE",
    "verification_requests[0].tee",
  ],
  [
    "evidence that is not base64url",
    async () => ({ verification_requests: [{ ...(await good()), evidence: "a b" }], policy_ids: [] }),
    400,
    "BadRequest",
    "AS.EVIDENCE.INVALID_ENCODING",
    "verification_requests[0].evidence",
  ],
  [
    "evidence that is not of the platform's form",
    async () => ({ verification_requests: [{ ...(await good()), evidence: b64url('{"quote":1}') }], policy_ids: [] }),
    400,
    "BadRequest",
    "AS.EVIDENCE.INVALID_FORMAT",
    "verification_requests[0].evidence",
  ],
  [
    "a quote that is none",
    async () => ({ verification_requests: [{ ...(await good()), evidence: quoteOf(new Uint8Array(700)) }], policy_ids: [] }),
    422,
    "UnprocessableEntity",
    "AS.EVIDENCE.INVALID_QUOTE",
    "verification_requests[0].evidence",
  ],
  [
    "an altered quote",
    async () => {
      const quote = Buffer.from(await openanolis.quote(digestOf({ a: 1 })), "base64");
      quote[200]! ^= 1;
      return { verification_requests: [{ ...(await good()), evidence: quoteOf(quote) }], policy_ids: [] };
    },
    422,
    "UnprocessableEntity",
    "AS.EVIDENCE.VERIFICATION_FAILED",
    "verification_requests[0].evidence",
  ],
  [
    "evidence over other data",
    async () => ({ verification_requests: [{ ...(await good()), runtime_data: { structured: { a: 2 } } }], policy_ids: [] }),
    422,
    "UnprocessableEntity",
    "AS.EVIDENCE.BINDING_MISMATCH",
    "verification_requests[0].evidence.quote.report_data",
  ],
  [
    "a challenge of somebody else",
    async () => ({
      verification_requests: [{ ...(await good()), runtime_data: { structured: { challenge_token: "a.b.c" } } }],
      policy_ids: [],
    }),
    401,
    "Unauthorized",
    "AS.CHALLENGE.INVALID_TOKEN",
    "verification_requests[0].runtime_data.challenge_token",
  ],
];

describe("POST /attestation answers", () => {
  test.each(CASES)("trustee.md §4.1: %s", async (_, body, status, type, code, field) => {
    const sent = await body();
    const answer = await post(openanolis, "/attestation", sent);
    expect([answer.status, answer.headers.get("content-type")]).toEqual([status, "application/problem+json"]);
    const problem = (await answer.json()) as { [name: string]: Json };
    expect(problem).toMatchObject({ type: PREFIX + type, status, code, retryable: false, ...(field !== undefined && { field }) });
    for (const member of ["title", "detail", "id"]) expect(typeof problem[member]).toBe("string");

    const other = await post(coco, "/attestation", sent);
    expect(other.status).toBe(500);
    const text = await other.text();
    expect(text).toStartWith("An internal error occured:");
    expect(
      text
        .split("\n")
        .slice(1)
        .map((line) => line.split(":")[0]),
    ).toEqual(Array.from({ length: text.split("\n").length - 1 }, (__, i) => String(i)));
  });

  test("security.md I27: nothing in an answer tells what was expected", async () => {
    const request = { ...(await good()), runtime_data: { structured: { a: 2 } } };
    for (const service of [openanolis, coco]) {
      const text = await (await attestation(service, request)).text();
      for (const told of [digestOf({ a: 1 }), digestOf({ a: 2 })])
        expect(text).not.toContain(Buffer.from(told).toString("hex").slice(0, 16));
    }
  });

  test("security.md I40: a body beyond the limit gets 413 and is not read on", async () => {
    for (const service of [openanolis, coco]) {
      expect((await post(service, "/attestation", "x".repeat(4 * 1024 * 1024 + 1))).status).toBe(413);
      expect((await post(service, "/challenge", "x".repeat(64 * 1024 + 1))).status).toBe(413);
    }
  });
});
