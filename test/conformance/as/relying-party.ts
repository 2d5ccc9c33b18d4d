import { createPublicKey, type KeyObject, verify, X509Certificate } from "node:crypto";
import type { Json } from "./service.ts";

/** What a gateway of the TNG kind is told: anchors, the policies it wants, what the peer's key or certificate says (gateway.md §4.5). */
export interface Expectation {
  /** PEM of one certificate or several, as GET certificate serves them; all count */
  readonly anchors: string;
  readonly policyIds?: readonly string[];
  /** members that the runtime data must have, deeply equal */
  readonly runtimeData?: { [name: string]: Json };
  /** seconds since 1970 */
  readonly now?: number;
}

const LEEWAY = 60;
const EAR = "tag:github.com,2024:confidential-containers/Trustee";

type JsonObject = { [name: string]: Json };

/**
 * Verifies an attestation token step by step as gateway.md §4.5 says, with nothing of this program's own. It decodes `x5c` as base64url without padding
 * only, as upstream does.
 *
 * @throws Error that names the step
 */
export function verifyAsGateway(token: string, { anchors, policyIds = [], runtimeData = {}, now = Date.now() / 1000 }: Expectation): void {
  const [headerPart = "", claimsPart = "", signature = "", ...more] = token.split(".");
  if (more.length > 0) fail("1", "a compact JWS");
  const header = json(headerPart);
  const jwk = object(header["jwk"], "1", "header jwk");
  const key = createPublicKey({ key: jwk as never, format: "jwk" });
  // Steps 1 to 3: the chain.
  const chain = (jwk["x5c"] as string[]).map((text) => {
    if (!/^[A-Za-z0-9_-]+$/.test(text)) fail("1", "x5c in base64url without padding");
    return new X509Certificate(Buffer.from(text, "base64url"));
  });
  const [leaf, ...intermediates] = chain;
  if (leaf === undefined || !sameKey(leaf.publicKey, key)) fail("2", "the key of x5c[0] in the jwk");
  verifyChain(leaf!, intermediates, certificates(anchors), now);
  // Step 4: the algorithm that the key names.
  const alg = jwk["alg"];
  if (alg !== header["alg"] || (alg !== "ES256" && alg !== "RS384")) fail("4", "jwk.alg equal to the header's, ES256 or RS384");
  const signed = Buffer.from(`${headerPart}.${claimsPart}`);
  const hash = alg === "ES256" ? "sha256" : "sha384";
  if (!verify(hash, signed, { key, dsaEncoding: "ieee-p1363" }, Buffer.from(signature, "base64url"))) fail("4", "a signature by that key");
  // Step 5: the time.
  const claims = json(claimsPart);
  if (typeof claims["exp"] !== "number" || claims["exp"] + LEEWAY <= now) fail("5", "exp in the future");
  if (claims["nbf"] !== undefined && (claims["nbf"] as number) - LEEWAY > now) fail("5", "nbf in the past");
  // Steps 6 and 7: the shape, and which policies.
  const { data, ids } = claims["eat_profile"] === undefined ? readSimple(claims) : readEar(claims);
  for (const id of policyIds) if (!ids.includes(id)) fail("7", `policy ${id}`);
  // Step 8: the runtime data.
  for (const [name, value] of Object.entries(runtimeData)) {
    if (!Bun.deepEquals(object(data, "8", "runtime data")[name], value, true)) fail("8", `runtime data ${name}`);
  }
}

function readEar(claims: JsonObject): { data: Json | undefined; ids: string[] } {
  if (claims["eat_profile"] !== EAR) fail("6", EAR);
  const submods = object(claims["submods"], "6", "submods");
  const ids = new Set<string>();
  for (const [name, submod] of Object.entries(submods)) {
    const { "ear.status": status, "ear.trustworthiness-vector": vector, "ear.appraisal-policy-id": id } = object(submod, "6", name);
    object(vector, "6", `a trustworthiness vector in ${name}`);
    if (status !== "affirming") fail("6", `${name} affirming, got ${String(status)}`);
    ids.add(String(id));
  }
  if (ids.size !== 1) fail("6", "one policy id over all submodules");
  const evidence = object(object(submods["cpu0"], "6", "cpu0")["ear.veraison.annotated-evidence"], "6", "annotated evidence");
  return { data: evidence["runtime_data_claims"], ids: [...ids] };
}

function readSimple(claims: JsonObject): { data: Json | undefined; ids: string[] } {
  const reports = claims["evaluation-reports"];
  if (!Array.isArray(reports)) fail("6", "evaluation-reports");
  const ids = (reports as JsonObject[]).map((report) => String(report["policy-id"]));
  return { data: object(claims["customized_claims"], "6", "customized_claims")["runtime_data"], ids };
}

/** As the library behind gateways does: an end entity under an anchor, no CA as signer, clientAuth where there is an extended key usage. */
function verifyChain(leaf: X509Certificate, intermediates: X509Certificate[], anchors: X509Certificate[], now: number): void {
  if (leaf.ca) fail("3", "an end entity, got a CA");
  if (leaf.keyUsage !== undefined && !leaf.keyUsage.includes("1.3.6.1.5.5.7.3.2")) fail("3", "clientAuth in the extended key usage");
  let subject = leaf;
  for (let depth = 0; depth < 4; depth++) {
    if (subject.validFromDate.getTime() / 1000 > now || subject.validToDate.getTime() / 1000 < now) fail("3", "certificates in their time");
    const issuer = [...anchors, ...intermediates].find((each) => each.ca && subject.checkIssued(each) && subject.verify(each.publicKey));
    if (issuer === undefined) fail("3", "a chain to an anchor");
    if (anchors.some((anchor) => anchor.raw.equals(issuer!.raw))) return;
    subject = issuer!;
  }
  fail("3", "a short chain");
}

function sameKey(a: KeyObject, b: KeyObject): boolean {
  return a.export({ format: "der", type: "spki" }).equals(b.export({ format: "der", type: "spki" }));
}

/** @returns every certificate of a PEM text */
export function certificates(pem: string): X509Certificate[] {
  return (pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []).map((text) => new X509Certificate(text));
}

function json(part: string): JsonObject {
  return JSON.parse(Buffer.from(part, "base64url").toString()) as JsonObject;
}

function object(value: Json | undefined, step: string, what: string): JsonObject {
  if (typeof value !== "object" || value === null || Array.isArray(value)) fail(step, what);
  return value as JsonObject;
}

function fail(step: string, expected: string): never {
  throw new Error(`gateway.md §4.5 step ${step}: expected ${expected}`);
}
