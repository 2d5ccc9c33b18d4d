import { generateKeyPairSync } from "node:crypto";
import { publicJwkOf } from "../../crypto/index.ts";
import {
  encodeAttestation,
  encodeRequest,
  KBS_PREFIX,
  parseChallenge,
  parseErrorInformation,
  parseTeeKey,
  type RcarAttestation,
  rcarRuntimeData,
  reportDataOf,
  SESSION_COOKIE,
} from "../../protocol/index.ts";
import { CaiError, createHttpClient, type HttpResponse, type JsonObject } from "../../system/index.ts";
import type { Attester } from "../../tee/index.ts";

/** A session at the trustee, before anything was attested. */
export interface OpenSession {
  readonly cookie: string;
  readonly nonce: string;
  readonly tid: string | undefined;
}

/** What an honest agent would send: the message, ready to be tampered with. */
export type Message = RcarAttestation;

/** Speaks the KBS protocol by hand, so that it can say what no honest agent says. */
export class Intruder {
  readonly #base: URL;
  readonly #attester: Attester;
  readonly #http = createHttpClient();

  constructor(base: string, attester: Attester) {
    this.#base = new URL(base);
    this.#attester = attester;
  }

  async openSession(): Promise<OpenSession> {
    const answer = await this.#post("/auth", encodeRequest(this.#attester.tee));
    const { nonce, tid } = parseChallenge(answer.body);
    const cookie = answer.headers
      .getSetCookie()
      .find((text) => text.startsWith(`${SESSION_COOKIE}=`))
      ?.split(";")[0];
    if (cookie === undefined) throw new CaiError("demo.step-failed", "the trustee opened no session");
    return { cookie, nonce, tid };
  }

  /** The honest message for a session: fresh key, evidence over its nonce. */
  async message({ nonce, tid }: OpenSession): Promise<Message> {
    const { publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const binding = {
      nonce,
      teeKey: parseTeeKey({ ...publicJwkOf(publicKey), alg: "ECDH-ES+A256KW" }),
      additionalEvidence: "",
      ...(tid !== undefined && { tid }),
    };
    return { ...binding, primaryEvidence: await this.#attester.evidence(reportDataOf(rcarRuntimeData(binding), "sha384")) };
  }

  /** Sends a message in a session. @returns the id of the error that the trustee answers, or `accepted` */
  async present({ cookie }: OpenSession, message: Message): Promise<string> {
    return outcome(await this.#post("/attest", encodeAttestation(message), { cookie }));
  }

  /** Stores a secret without saying who one is. @returns the id of the error that the trustee answers, or `accepted` */
  async storeUnsigned(path: string): Promise<string> {
    return outcome(await this.#post(`/resource/${path}`, "the intruder's key"));
  }

  #post(path: string, body: string, headers: Record<string, string> = {}): Promise<HttpResponse> {
    return this.#http.request({
      method: "POST",
      url: new URL(KBS_PREFIX + path, this.#base),
      headers: { "content-type": "application/json", ...headers },
      body,
    });
  }
}

/** @returns the evidence with one bit of the quote's signed body changed */
export function withFlippedBit(evidence: RcarAttestation["primaryEvidence"], offset: number): JsonObject {
  const fields = evidence as JsonObject;
  const quote = Buffer.from(String(fields["quote"]), "base64");
  quote.writeUInt8(quote.readUInt8(offset) ^ 1, offset);
  return { ...fields, quote: quote.toString("base64") };
}

function outcome({ status, body }: HttpResponse): string {
  return status === 200 ? "accepted" : (parseErrorInformation(body).id ?? `status ${status}`);
}
