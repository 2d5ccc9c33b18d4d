import { createHash, createPrivateKey, type KeyObject, sign } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { caiJson, scratch, start } from "../../e2e/cai.ts";

/** JSON as these tests send and read it. */
export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

/** An attestation service that is the compiled program, with a simulated machine that it takes. */
export interface Service {
  readonly url: string;
  readonly folder: string;
  /** a quote of the machine over report data, base64 */
  quote(reportData: Uint8Array): Promise<string>;
  /** flags of an administrator's verbs */
  readonly admin: readonly string[];
  readonly adminKey: KeyObject;
  readonly log: () => string;
}

/** Starts one on a free port. @param flags  further ones of `cai trustee serve` */
export async function startService(...flags: string[]): Promise<Service> {
  const folder = scratch();
  const [sim, data] = [join(folder, "sim"), join(folder, "trustee")];
  await caiJson(["sim", "tdx", "init", "--out", sim]);
  const adminKeyFile = String((await caiJson(["trustee", "init", "--simulated", "--data", data]))["admin_key"]);
  const platform = ["--trust-anchor", join(sim, "anchor.pem"), "--collateral", join(sim, "collateral.json")];
  const running = await start(["trustee", "serve", "--data", data, "--listen", "127.0.0.1:0", ...platform, ...flags]);
  const url = String(running.ready["url"]);
  const admin = ["--trustee", url, "--admin-key", adminKeyFile];
  await caiJson(["reference", "set", "--file", join(sim, "reference.json"), ...admin]);
  // Making a quote starts the program, so each is made once.
  const made = new Map<string, Record<string, unknown>>();
  return {
    url,
    folder,
    admin,
    adminKey: createPrivateKey(readFileSync(adminKeyFile)),
    log: running.log,
    async quote(reportData) {
      const asked = hex(reportData);
      const { quote } =
        made.get(asked) ?? (await caiJson(["sim", "tdx", "quote", "--machine", join(sim, "machine.json"), "--report-data", asked]));
      made.set(asked, { quote });
      return Buffer.from(String(quote), "hex").toString("base64");
    },
  };
}

export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
export const b64 = (bytes: Uint8Array | string): string => Buffer.from(bytes as string).toString("base64");
/** RFC 4648 §5 without padding. */
export const b64url = (bytes: Uint8Array | string): string => b64(bytes).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

/** Canonical JSON of objects, arrays, texts and integers: names sorted at every level, no white space (gateway.md §4.2). */
export function canonical(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const members = Object.keys(value).sort();
  return `{${members.map((name) => `${JSON.stringify(name)}:${canonical(value[name]!)}`).join(",")}}`;
}

export const digestOf = (value: Json, algorithm = "sha384"): Uint8Array => createHash(algorithm).update(canonical(value)).digest();

/** Evidence of the simulated machine over report data, as the request carries it: base64url of the attester's JSON. */
export async function tdxEvidence(service: Service, reportData: Uint8Array): Promise<string> {
  return b64url(JSON.stringify({ quote: await service.quote(reportData), cc_eventlog: null }));
}

/** Sample evidence: with a register as the openanolis family makes it, without as the other does (trustee.md §6.5). */
export function sampleEvidence(reportData: Uint8Array, register?: string): string {
  return b64url(JSON.stringify({ svn: "1", report_data: b64(reportData), ...(register !== undefined && { measure_register: register }) }));
}

export function post(service: Service, path: string, body: Json | string, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(service.url + path, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
}

export const get = (service: Service, path: string, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(service.url + path, { headers });

/** POST attestation with one request or several. */
export function attestation(service: Service, requests: Json | Json[], policies: string[] = ["default"], mount = ""): Promise<Response> {
  const list = Array.isArray(requests) ? requests : [requests];
  return post(service, `${mount}/attestation`, { verification_requests: list, policy_ids: policies });
}

/** @returns the token that answers POST attestation. @throws where it is refused */
export async function tokenOf(answer: Promise<Response>): Promise<string> {
  const response = await answer;
  const text = await response.text();
  if (response.status !== 200) throw new Error(`${response.status} ${text}`);
  return text;
}

/** The bearer token of an administrator as the openanolis family's front end makes it (trustee.md §2.1). */
export function adminHeaders({ adminKey }: Service): Record<string, string> {
  const iat = Math.floor(Date.now() / 1000);
  const signed = `${b64url('{"alg":"EdDSA","typ":"JWT"}')}.${b64url(JSON.stringify({ iat, exp: iat + 7200 }))}`;
  return { authorization: `Bearer ${signed}.${b64url(sign(null, Buffer.from(signed), adminKey))}` };
}

/** @returns header and claims of a token, not verified */
export function partsOf(token: string): { header: { [name: string]: Json }; claims: { [name: string]: Json }; headerText: string } {
  const [header = "", claims = ""] = token.split(".");
  const headerText = Buffer.from(header, "base64url").toString();
  return { headerText, header: JSON.parse(headerText), claims: JSON.parse(Buffer.from(claims, "base64url").toString()) };
}
