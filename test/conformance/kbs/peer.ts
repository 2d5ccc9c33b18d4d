import { createHash } from "node:crypto";
import { SimulatedPlatform } from "../../../src/tee/tdx/index.ts";
import { type Answer, ask, valuesOf } from "./http.ts";
import { ecKey, type GuestKey } from "./jwe.ts";

/** The platform whose evidence the trustees of these tests take. */
export const platform = SimulatedPlatform.create({ seed: new Uint8Array(32).fill(0x5a), now: Math.floor(Date.now() / 1000) });

type Json = string | number | boolean | null | readonly Json[] | { readonly [member: string]: Json };

/** RFC 8785 for what these messages have: texts and objects. */
export function canonical(value: Json): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  const members = Object.entries(value as Record<string, Json>).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`).join(",")}}`;
}

/** @returns SHA-384 of the canonical text, filled up with zeros to 64 bytes (trustee.md §1.7) */
export function boundTo(runtimeData: Json): Uint8Array {
  const field = new Uint8Array(64);
  field.set(createHash("sha384").update(canonical(runtimeData)).digest());
  return field;
}

/** @returns TDX evidence with that report data */
export function evidenceOver(reportData: Uint8Array): { quote: string; cc_eventlog: null } {
  const rtmr = () => new Uint8Array(48).fill(0x22);
  const quote = platform.quote({ reportData, mrTd: new Uint8Array(48).fill(0x11), rtmrs: [rtmr(), rtmr(), rtmr(), rtmr()] });
  return { quote: Buffer.from(quote).toString("base64"), cc_eventlog: null };
}

export interface Opened {
  readonly answer: Answer;
  readonly nonce: string;
  /** `kbs-session-id=…`, as a client's cookie jar sends it back */
  readonly cookie: string;
}

/** A guest that speaks the protocol by code of its own. */
export class Peer {
  readonly #url: string;
  readonly #prefix: string;
  readonly key: GuestKey;

  constructor(url: string, key: GuestKey = ecKey(), prefix = "/kbs/v0") {
    this.#url = url;
    this.#prefix = prefix;
    this.key = key;
  }

  post(path: string, body: string, headers: Record<string, string> = {}): Promise<Answer> {
    const target = `${this.#prefix}/${path}`;
    return ask(this.#url, { method: "POST", target, body, headers: { "Content-Type": "application/json", ...headers } });
  }

  get(path: string, headers: Record<string, string> = {}): Promise<Answer> {
    return ask(this.#url, { target: `${this.#prefix}/${path}`, headers });
  }

  /** The Request of GI and GC clients, with other members where they are given. */
  authAnswer(members: Record<string, Json> = {}): Promise<Answer> {
    const hashes = { "supported-hash-algorithms": ["sha256", "sha384", "sha512", "sm3"] };
    return this.post("auth", JSON.stringify({ version: "0.4.0", tee: "tdx", "extra-params": hashes, ...members }));
  }

  async auth(members: Record<string, Json> = {}): Promise<Opened> {
    const answer = await this.authAnswer(members);
    if (answer.status !== 200) throw new Error(`auth: ${answer.status} ${answer.body}`);
    const { nonce } = JSON.parse(answer.body.toString()) as { nonce: string };
    return { answer, nonce, cookie: valuesOf(answer, "set-cookie")[0]?.split(";")[0] ?? "" };
  }

  /** The Attestation of 0.4.0. */
  message({ nonce }: { readonly nonce: string }, additional = ""): Record<string, Json> {
    const bound = boundTo({ "additional-evidence": additional, nonce, "tee-pubkey": this.key.jwk });
    return {
      "init-data": null,
      "runtime-data": { nonce, "tee-pubkey": this.key.jwk },
      "tee-evidence": { primary_evidence: evidenceOver(bound), additional_evidence: additional },
    };
  }

  /** The Attestation of 0.1.1 and 0.2.0 (agent.md §3.8). */
  singleMessage({ nonce }: { readonly nonce: string }): Record<string, Json> {
    return { "tee-pubkey": this.key.jwk, "tee-evidence": evidenceOver(boundTo({ nonce, "tee-pubkey": this.key.jwk })) };
  }

  /** The Attestation of 0.3.0 (trustee.md §1.4). */
  compositeMessage({ nonce }: { readonly nonce: string }): Record<string, Json> {
    const bound = boundTo({ "additional-evidence": "", nonce, "tee-pubkey": this.key.jwk });
    return { "tee-pubkey": this.key.jwk, "tee-evidence": { primary_evidence: evidenceOver(bound), additional_evidence: "" } };
  }

  attestAnswer({ cookie }: { readonly cookie: string }, message: Json | string): Promise<Answer> {
    return this.post("attest", typeof message === "string" ? message : JSON.stringify(message), { Cookie: cookie });
  }

  /** A whole handshake. @returns the token and the session's cookie */
  async attest(): Promise<{ readonly token: string; readonly cookie: string }> {
    const opened = await this.auth();
    return { token: tokenIn(await this.attestAnswer(opened, this.message(opened))), cookie: opened.cookie };
  }
}

/** @returns the token of a successful attest */
export function tokenIn(answer: Answer): string {
  if (answer.status !== 200) throw new Error(`attest: ${answer.status} ${answer.body}`);
  return (JSON.parse(answer.body.toString()) as { token: string }).token;
}

/** @returns the claims of a token */
export function claimsIn(token: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString()) as Record<string, unknown>;
}
