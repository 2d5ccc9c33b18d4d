import { createHash } from "node:crypto";
import { jcs } from "../../../../src/crypto/index.ts";
import { makeAdminToken } from "../../../../src/protocol/index.ts";
import type { JsonObject, JsonValue } from "../../../../src/system/index.ts";
import { type KbsWorld, machine, platform } from "../kbs-world.ts";

export const b64u = (bytes: Uint8Array | string): string => Buffer.from(bytes as Uint8Array).toString("base64url");

/** A call to the attestation service as anybody may make it. */
export function ask(
  world: KbsWorld,
  method: string,
  path: string,
  body?: JsonValue,
  headers: Record<string, string> = {},
): Promise<Response> {
  const content = body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) };
  return fetch(`${world.url}${path}`, { method, headers: { "content-type": "application/json", ...headers }, ...content });
}

/** A call of an administrator, under any of the service's places. */
export async function administer(world: KbsWorld, method: string, path: string, body?: JsonValue, mount = ""): Promise<Response> {
  const bytes = body === undefined ? new Uint8Array(0) : new TextEncoder().encode(JSON.stringify(body));
  const token = await makeAdminToken(world.adminKey, world.trustee.tid, { method, target: path, body: bytes }, world.clock.now);
  return ask(world, method, mount + path, body, { authorization: `Bearer ${token}` });
}

type QuoteChanges = Partial<Omit<Parameters<typeof platform.quote>[0], "reportData">>;

/** TDX evidence over report data, as a request names it. */
export function tdxEvidence(reportData: Uint8Array, changes: QuoteChanges = {}): string {
  const filled = new Uint8Array(64);
  filled.set(reportData);
  const quote = Buffer.from(platform.quote({ ...machine, ...changes, reportData: filled })).toString("base64");
  return b64u(JSON.stringify({ quote, cc_eventlog: null }));
}

export const hashed = (value: JsonValue, algorithm = "sha384"): Uint8Array => createHash(algorithm).update(jcs(value)).digest();

/** A request to verify a TD over structured runtime data. */
export function tdxRequest(structured: JsonValue, members: JsonObject = {}, changes: QuoteChanges = {}): JsonObject {
  return { tee: "tdx", evidence: tdxEvidence(hashed(structured), changes), runtime_data: { structured }, ...members };
}

/** @returns the challenge of a trustee's attestation service */
export async function challengeOf(world: KbsWorld): Promise<{ nonce: string; jwt: string }> {
  const { nonce, "extra-params": extra } = (await (await ask(world, "POST", "/challenge", {})).json()) as {
    nonce: string;
    "extra-params": { jwt: string };
  };
  return { nonce, jwt: extra.jwt };
}

/** The status of an answer with the ids of its problem: `422 AS.EVIDENCE.BINDING_MISMATCH tdx.report-data-mismatch`. */
export async function problemOf(answer: Promise<Response>): Promise<string> {
  const response = await answer;
  const text = await response.text();
  if (response.status === 200) return `200 ${text.slice(0, 60)}`;
  const { code, id } = JSON.parse(text) as { code?: string; id?: string };
  return `${response.status} ${code} ${id}`;
}
