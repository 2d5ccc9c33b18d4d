import { createPrivateKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openJwe, publicJwkOf } from "../../../src/crypto/index.ts";
import { templates } from "../../../src/policy/index.ts";
import {
  encodeAttestation,
  KBS_PREFIX,
  makeAdminToken,
  parseTeeKey,
  type RcarAttestation,
  rcarRuntimeData,
  reportDataOf,
  type TeeKey,
} from "../../../src/protocol/index.ts";
import { createTrustee, initTrustee, type Trustee } from "../../../src/roles/trustee/index.ts";
import { createLogger, type JsonValue } from "../../../src/system/index.ts";
import { SimulatedPlatform } from "../../../src/tee/tdx/index.ts";
import { scratchData } from "./scratch.ts";

/** When everything in these tests happens, unless a test moves the clock. */
export const START = 1_800_000_000;

export const platform = SimulatedPlatform.create({ seed: new Uint8Array(32).fill(3), now: START });
/** What a machine of the test measures; the reference values name exactly this. */
export const machine = {
  mrTd: new Uint8Array(48).fill(0x11),
  rtmrs: [0x20, 0x21, 0x22, 0x23].map((byte) => new Uint8Array(48).fill(byte)) as [Uint8Array, Uint8Array, Uint8Array, Uint8Array],
};

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
export const references = {
  "tdx.mr_td": [hex(machine.mrTd)],
  ...Object.fromEntries(machine.rtmrs.map((rtmr, i) => [`tdx.rtmr_${i}`, [hex(rtmr)]])),
};

export interface KbsWorld {
  readonly trustee: Trustee;
  readonly url: string;
  readonly dataDir: string;
  readonly adminKey: KeyObject;
  /** every line that the trustee logged */
  readonly log: string[];
  readonly clock: { now: number };
  readonly folder: { anchor: string; collateral: string };
  end(): Promise<void>;
}

/** Starts a trustee of simulated platforms on a free port. */
export async function startKbs({
  simulated = true,
  ...settings
}: { simulated?: boolean } & Partial<Parameters<typeof createTrustee>[0]> = {}): Promise<KbsWorld> {
  const { dataDir, remove } = scratchData();
  const clock = { now: START };
  await initTrustee({ dataDir, simulated, clock: () => clock.now });
  const folder = { anchor: join(dataDir, "..", "anchor.pem"), collateral: join(dataDir, "..", "collateral.json") };
  writeFileSync(folder.anchor, platform.anchorPem);
  writeFileSync(folder.collateral, platform.bundle());
  const log: string[] = [];
  const trustee = await createTrustee({
    dataDir,
    port: 0,
    trustAnchors: simulated ? [folder.anchor] : [],
    ...(settings.collateralSource === undefined && { collateral: folder.collateral }),
    logger: createLogger("debug", true, (line) => log.push(line)),
    clock: () => clock.now,
    ...settings,
  });
  const { url } = await trustee.start();
  const adminKey = createPrivateKey(readFileSync(join(dataDir, "admin.key")));
  const end = async () => {
    await trustee.stop();
    remove();
  };
  return { trustee, url, dataDir, adminKey, log, clock, folder, end };
}

/** An admin call with a token for exactly this request, unless another is given. */
export async function admin(
  world: KbsWorld,
  method: string,
  path: string,
  body: string | Uint8Array = "",
  token?: string,
): Promise<Response> {
  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
  const target = `${KBS_PREFIX}/${path}`;
  const authorization = `Bearer ${token ?? (await makeAdminToken(world.adminKey, world.trustee.tid, { method, target, body: bytes }, world.clock.now))}`;
  return fetch(`${world.url}${target}`, { method, headers: { authorization }, ...(method !== "GET" && { body: Buffer.from(bytes) }) });
}

export const b64url = (text: string) => Buffer.from(text).toString("base64url");

/** Sets the reference values of the test's machine and a resource policy; `allow-all` is one line of Rego. */
export async function provision(
  world: KbsWorld,
  resourcePolicy: "affirming-simulated" | "allow-all" = "affirming-simulated",
): Promise<void> {
  const payload = Buffer.from(JSON.stringify(references)).toString("base64");
  await expectOk(admin(world, "POST", "reference-value", JSON.stringify({ version: "0.1.0", type: "sample", payload })));
  const text = resourcePolicy === "allow-all" ? "package policy\nimport rego.v1\nallow := true\n" : templates[resourcePolicy];
  await expectOk(admin(world, "POST", "resource-policy", JSON.stringify({ policy: b64url(text) })));
}

export async function expectOk(answer: Promise<Response>): Promise<Response> {
  const response = await answer;
  if (response.status !== 200) throw new Error(`${response.status} ${await response.text()}`);
  return response;
}

/** The error id of an answer, with its status: `401 kbs.token-missing`. */
export async function refusal(answer: Promise<Response>): Promise<string> {
  const response = await answer;
  const text = await response.text();
  if (response.status === 200) return `200 ${text.slice(0, 100)}`;
  return `${response.status} ${(JSON.parse(text) as { id?: string }).id}`;
}

/** What auth gave a guest. */
export interface Opened {
  readonly cookie: string;
  readonly nonce: string;
  readonly tid: string | undefined;
}

type Quote = Omit<Parameters<typeof platform.quote>[0], "reportData">;

/** A guest with a key pair of its own, whose every step can be bent. */
export class Guest {
  readonly #url: string;
  readonly privateKey: KeyObject;
  readonly teeKey: TeeKey;

  constructor(world: Pick<KbsWorld, "url">) {
    this.#url = world.url;
    const pair = generateKeyPairSync("ec", { namedCurve: "P-256" });
    this.privateKey = pair.privateKey;
    this.teeKey = parseTeeKey({ ...publicJwkOf(pair.publicKey), alg: "ECDH-ES+A256KW" });
  }

  authAnswer(members: Record<string, JsonValue> = {}): Promise<Response> {
    const request = { version: "0.4.0", tee: "tdx", "extra-params": { cai: { v: 1 } }, ...members };
    return this.#post("auth", JSON.stringify(request));
  }

  async auth(members: Record<string, JsonValue> = {}): Promise<Opened> {
    const answer = await expectOk(this.authAnswer(members));
    const cookie = answer.headers.get("set-cookie")?.split(";")[0] ?? "";
    const challenge = (await answer.json()) as { nonce: string; "extra-params": "" | { cai: { tid: string } } };
    const extra = challenge["extra-params"];
    return { cookie, nonce: challenge.nonce, tid: extra === "" ? undefined : extra.cai.tid };
  }

  /** @returns the body of an honest attest, or one with other parts */
  attestBody({ nonce, tid }: Opened, changes: Partial<RcarAttestation> = {}, quote: Partial<Quote> = {}, on = platform): string {
    const run = { nonce, teeKey: this.teeKey, additionalEvidence: "", ...(tid !== undefined && { tid }) };
    const reportData = reportDataOf(rcarRuntimeData(run), "sha384");
    const evidence = { quote: Buffer.from(on.quote({ ...machine, ...quote, reportData })).toString("base64"), cc_eventlog: null };
    return encodeAttestation({ ...run, primaryEvidence: evidence, ...changes });
  }

  attestAnswer(opened: Opened, body = this.attestBody(opened)): Promise<Response> {
    return this.#post("attest", body, { cookie: opened.cookie });
  }

  /** @returns the token and the session's cookie after a whole run */
  async attest(quote: Partial<Quote> = {}, members: Record<string, JsonValue> = {}): Promise<{ token: string; cookie: string }> {
    const opened = await this.auth(members);
    const answer = await expectOk(this.attestAnswer(opened, this.attestBody(opened, {}, quote)));
    return { token: ((await answer.json()) as { token: string }).token, cookie: opened.cookie };
  }

  get(path: string, headers: Record<string, string>): Promise<Response> {
    return fetch(`${this.#url}${KBS_PREFIX}/${path}`, { headers });
  }

  /** Opens the answer to `get`. */
  async open(answer: Promise<Response>): Promise<{ text: string; caiUri: string | undefined }> {
    const { plaintext, caiUri } = openJwe(await (await expectOk(answer)).json(), this.privateKey);
    return { text: new TextDecoder().decode(plaintext), caiUri };
  }

  #post(path: string, body: string, headers: Record<string, string> = {}): Promise<Response> {
    return fetch(`${this.#url}${KBS_PREFIX}/${path}`, {
      method: "POST",
      body,
      headers: { "content-type": "application/json", ...headers },
    });
  }
}

/** @returns the claims in a token */
export function claimsOf(token: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString()) as Record<string, unknown>;
}
