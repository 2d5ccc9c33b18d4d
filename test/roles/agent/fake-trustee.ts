import { generateKeyPairSync } from "node:crypto";
import { publicJwkOf, sealJwe } from "../../../src/crypto/index.ts";
import {
  bodyContext,
  createResponseSigner,
  encodeChallenge,
  encodeErrorAnswer,
  encodeTokenReply,
  formatResourceUri,
  KEYLESS_CONTEXT,
  keyContext,
  parseAttestation,
  parseRequest,
  parseResourcePath,
  parseTeeKey,
  type RcarAttestation,
  rcarRuntimeData,
  readUnverifiedClaims,
  SIGNATURE_HEADER,
  type TeeKey,
  teeKeyInToken,
} from "../../../src/protocol/index.ts";
import type { ErrorId, JsonObject } from "../../../src/system/index.ts";
import type { Attester } from "../../../src/tee/index.ts";

/** An answer on its way out. */
export interface Answer {
  status: number;
  body: string;
  headers: Record<string, string>;
}

/** Where a trustee may be made to misbehave. Each hook sees what would be right. */
export interface Misbehaviour {
  /** answers instead of the trustee, signed as the trustee would */
  instead?: (method: string, path: string) => Pick<Answer, "status" | "body"> | undefined;
  challenge?: (text: string) => string;
  claims?: (claims: JsonObject) => JsonObject;
  sealTo?: (key: TeeKey) => TeeKey;
  /** the resource whose content and name is answered when another is asked for */
  resource?: (uri: string) => string;
  unnamed?: boolean;
  noCookie?: boolean;
  /** what someone on the way does to a finished answer */
  onTheWay?: (answer: Answer, method: string, path: string) => Answer | Response;
}

/** A trustee that checks no evidence: a real server on a real port, for what an agent must withstand. */
export class FakeTrustee {
  readonly misbehaviour: Misbehaviour = {};
  readonly resources = new Map<string, Uint8Array>();
  /** `METHOD path` of every request, and whether it brought a session */
  readonly requests: string[] = [];
  readonly attestations: RcarAttestation[] = [];
  readonly url: URL;
  readonly signer = createResponseSigner(generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey);
  readonly #sessions = new Map<string, { tagged: boolean; nonce: string; token?: string }>();
  readonly #server: Bun.Server<undefined>;
  readonly #speaksCai: boolean;

  /**
   * @param family  `cai` signs and tags; `upstream` does neither
   * @param tls     PEM of certificate and key for `localhost`; without it the trustee speaks plain HTTP
   */
  constructor(family: "cai" | "upstream" = "cai", tls?: { readonly cert: string; readonly key: string }) {
    this.#speaksCai = family === "cai";
    const fetch = (request: Request) => this.#answer(request);
    this.#server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch, ...(tls && { tls }) });
    this.url = new URL(tls ? `https://localhost:${this.#server.port}` : `http://127.0.0.1:${this.#server.port}`);
  }

  async stop(): Promise<void> {
    await this.#server.stop(true);
  }

  async #answer(request: Request): Promise<Response> {
    const { pathname, search } = new URL(request.url);
    const { method } = request;
    const path = pathname.replace("/kbs/v0", "");
    const cookie = /kbs-session-id=(\w+)/.exec(request.headers.get("cookie") ?? "")?.[1];
    this.requests.push(`${method} ${path}${cookie === undefined ? "" : " with session"}`);
    const body = await request.text();
    let context = method === "GET" ? KEYLESS_CONTEXT : bodyContext(body);
    const token = this.#tokenOf(request, cookie);
    if (method === "GET" && token !== undefined) context = keyContext(parseTeeKey(teeKeyInToken(readUnverifiedClaims(token))));
    const answer: Answer = {
      headers: {},
      ...(this.misbehaviour.instead?.(method, path) ?? this.#right(method, path, body, cookie, token)),
    };
    if (this.#speaksCai) {
      const target = pathname + search;
      const bytes = new TextEncoder().encode(answer.body);
      answer.headers[SIGNATURE_HEADER] = this.signer.sign({ method, target, status: answer.status, context, body: bytes });
    }
    const sent = this.misbehaviour.onTheWay?.(answer, method, path) ?? answer;
    return sent instanceof Response ? sent : new Response(sent.body, { status: sent.status, headers: sent.headers });
  }

  #tokenOf(request: Request, cookie: string | undefined): string | undefined {
    const bearer = /^Bearer (.+)$/.exec(request.headers.get("authorization") ?? "")?.[1];
    return bearer ?? (cookie === undefined ? undefined : this.#sessions.get(cookie)?.token);
  }

  #right(method: string, path: string, body: string, cookie: string | undefined, token: string | undefined): Answer {
    if (method === "POST" && path === "/auth") return this.#auth(body);
    if (method === "POST" && path === "/attest") return this.#attest(body, cookie);
    return this.#resource(path.replace("/resource/", ""), token);
  }

  #auth(body: string): Answer {
    const { offersTagged } = parseRequest(new TextEncoder().encode(body));
    const tagged = offersTagged && this.#speaksCai;
    const id = crypto.randomUUID().replaceAll("-", "");
    const nonce = crypto.randomUUID();
    this.#sessions.set(id, { tagged, nonce });
    const text = encodeChallenge({ nonce, ...(tagged && { tid: this.signer.tid }) });
    const headers: Record<string, string> = this.misbehaviour.noCookie
      ? {}
      : { "set-cookie": `kbs-session-id=${id}; Expires=Thu, 01 Jan 2099 00:00:00 GMT` };
    return { status: 200, body: this.misbehaviour.challenge?.(text) ?? text, headers };
  }

  #attest(body: string, cookie: string | undefined): Answer {
    const session = this.#sessions.get(cookie ?? "");
    if (!session) return refuse("kbs.session-unknown", "attest");
    const attestation = parseAttestation(new TextEncoder().encode(body));
    this.attestations.push(attestation);
    const claims: JsonObject = {
      submods: { cpu0: { "ear.veraison.annotated-evidence": { runtime_data_claims: rcarRuntimeData(attestation) } } },
      ...(session.tagged && { cai: { tid: this.signer.tid, binding: "tagged" } }),
    };
    session.token = unsignedToken(this.misbehaviour.claims?.(claims) ?? claims);
    return { status: 200, body: encodeTokenReply(session.token), headers: {} };
  }

  #resource(path: string, token: string | undefined): Answer {
    if (token === undefined) return refuse("kbs.token-missing", "resource");
    const claims = readUnverifiedClaims(token);
    const asked = formatResourceUri(parseResourcePath(path));
    const uri = this.misbehaviour.resource?.(asked) ?? asked;
    const secret = this.resources.get(uri);
    if (!secret) return refuse("kbs.resource-missing", "resource");
    const key = parseTeeKey(teeKeyInToken(claims));
    const named = "cai" in claims && !this.misbehaviour.unnamed;
    const jwe = sealJwe(secret, this.misbehaviour.sealTo?.(key) ?? key, named ? { caiUri: uri } : {});
    return { status: 200, body: JSON.stringify(jwe), headers: {} };
  }
}

/** @returns an error answer as the trustee gives it */
export function refuse(id: ErrorId, place: Parameters<typeof encodeErrorAnswer>[1], decision?: string): Answer {
  return { ...encodeErrorAnswer(id, place, decision === undefined ? {} : { decision }), headers: {} };
}

/** A token whose signature nobody checks here: the guest believes the trustee it reached. */
export function unsignedToken(claims: JsonObject): string {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${part({ alg: "ES256" })}.${part(claims)}.AAAA`;
}

/** An attester whose evidence is the report data itself. */
export class FakeAttester implements Attester {
  readonly tee = "tdx";
  readonly simulated = true;
  readonly reportData: Uint8Array[] = [];
  async detect(): Promise<boolean> {
    return true;
  }
  async evidence(reportData: Uint8Array): Promise<JsonObject> {
    this.reportData.push(reportData);
    return { report_data: Buffer.from(reportData).toString("hex") };
  }
}

export function newTeeKey(): TeeKey {
  return parseTeeKey({ ...publicJwkOf(generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey), alg: "ECDH-ES+A256KW" });
}
