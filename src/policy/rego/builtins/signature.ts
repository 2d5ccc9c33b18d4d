import {
  constants,
  createHmac,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  sign,
  timingSafeEqual,
  verify,
  type webcrypto,
  X509Certificate,
} from "node:crypto";
import { toJson } from "../json-output.ts";
import { isInteger, type RegoNumber, toBigInt } from "../number.ts";
import type { Run } from "../run.ts";
import { entriesOf, equal, member, type Value } from "../value.ts";
import { type Builtin, BuiltinFailure, type Builtins, builtin, objectArg, stringArg } from "./builtin.ts";
import { canonicalJson } from "./encoding.ts";
import { type CompactToken, innermost, jsonObject, parseToken } from "./jwt.ts";

type JsonWebKey = webcrypto.JsonWebKey & { readonly kid?: unknown };

/** A signature algorithm of RFC 7518 §3.1 or RFC 8037. */
interface Algorithm {
  readonly kind: "hmac" | "rsa" | "pss" | "ec" | "ed25519";
  /** null where the scheme has its own */
  readonly hash: "sha256" | "sha384" | "sha512" | null;
  /** of `ec` only, as the key names it */
  readonly curve?: string;
}

const ALGORITHMS: { readonly [name: string]: Algorithm } = {
  HS256: { kind: "hmac", hash: "sha256" },
  HS384: { kind: "hmac", hash: "sha384" },
  HS512: { kind: "hmac", hash: "sha512" },
  RS256: { kind: "rsa", hash: "sha256" },
  RS384: { kind: "rsa", hash: "sha384" },
  RS512: { kind: "rsa", hash: "sha512" },
  PS256: { kind: "pss", hash: "sha256" },
  PS384: { kind: "pss", hash: "sha384" },
  PS512: { kind: "pss", hash: "sha512" },
  ES256: { kind: "ec", hash: "sha256", curve: "prime256v1" },
  ES384: { kind: "ec", hash: "sha384", curve: "secp384r1" },
  ES512: { kind: "ec", hash: "sha512", curve: "secp521r1" },
  EdDSA: { kind: "ed25519", hash: null },
};

const MAXIMUM_KEY_TEXT = 65_536;
const MAXIMUM_KEYS = 32;
const MAXIMUM_MODULUS = 8192;
/** Steps that one operation with an asymmetric key counts. */
const OPERATION_STEPS = 5000;

interface NamedKey {
  readonly key: KeyObject;
  readonly id: string | undefined;
}

function algorithmNamed(name: Value | undefined): Algorithm | undefined {
  return typeof name === "string" && Object.hasOwn(ALGORITHMS, name) ? ALGORITHMS[name] : undefined;
}

/** Public keys from a certificate or key in PEM, a JWK, or a JWK set. */
function publicKeys(text: string): NamedKey[] {
  if (text.length > MAXIMUM_KEY_TEXT) throw new BuiltinFailure(`expected a key of at most ${MAXIMUM_KEY_TEXT} characters`);
  try {
    if (text.includes("-----BEGIN CERTIFICATE-----")) return [{ key: new X509Certificate(text).publicKey, id: undefined }];
    if (text.includes("-----BEGIN")) return [{ key: createPublicKey(text), id: undefined }];
    const document = JSON.parse(text) as { readonly keys?: readonly JsonWebKey[] } & JsonWebKey;
    const list = document.keys === undefined ? [document] : document.keys.slice(0, MAXIMUM_KEYS);
    return list.map((jwk) => ({
      key: createPublicKey({ key: jwk, format: "jwk" }),
      id: typeof jwk["kid"] === "string" ? jwk["kid"] : undefined,
    }));
  } catch {
    throw new BuiltinFailure("expected a certificate or public key in PEM, a JWK or a JWK set");
  }
}

function fits(key: KeyObject, { kind, curve }: Algorithm): boolean {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
  if (kind === "ec") return type === "ec" && details?.namedCurve === curve;
  if (kind === "ed25519") return type === "ed25519";
  return (type === "rsa" || (kind === "pss" && type === "rsa-pss")) && (details?.modulusLength ?? Infinity) <= MAXIMUM_MODULUS;
}

/** The options that an algorithm gives to `sign` and `verify`. */
function keyed(key: KeyObject, { kind }: Algorithm) {
  if (kind === "ec") return { key, dsaEncoding: "ieee-p1363" as const };
  if (kind !== "pss") return { key };
  return { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };
}

function isSigned(token: CompactToken, algorithm: Algorithm, key: KeyObject, run: Run): boolean {
  if (!fits(key, algorithm)) return false;
  run.tick(OPERATION_STEPS);
  try {
    return verify(algorithm.hash, Buffer.from(token.signed), keyed(key, algorithm), token.signature);
  } catch {
    // The library refuses some signatures by an error, for example one of a wrong length.
    return false;
  }
}

function isAuthentic(token: CompactToken, hash: string, secret: Uint8Array): boolean {
  const expected = createHmac(hash, secret).update(token.signed).digest();
  return expected.length === token.signature.length && timingSafeEqual(expected, token.signature);
}

function verifier(name: string): Builtin {
  const algorithm = ALGORITHMS[name]!;
  return builtin(2, (args, run) => {
    const token = parseToken(stringArg(args, 0), run);
    const key = stringArg(args, 1);
    run.characters(key.length);
    if (algorithm.kind === "hmac") return isAuthentic(token, algorithm.hash!, Buffer.from(key));
    return publicKeys(key).some((one) => isSigned(token, algorithm, one.key, run));
  });
}

const CONSTRAINTS = ["cert", "secret", "alg", "iss", "aud", "time"];

/** What `io.jwt.decode_verify` demands of a token. */
interface Constraints {
  readonly keys: readonly NamedKey[];
  readonly secret: Uint8Array | undefined;
  readonly alg: Value | undefined;
  readonly iss: Value | undefined;
  readonly aud: Value | undefined;
  readonly time: RegoNumber | undefined;
}

function constraintsArg(args: readonly Value[], index: number): Constraints {
  const object = objectArg(args, index);
  for (const [key] of entriesOf(object)) {
    if (typeof key !== "string" || !CONSTRAINTS.includes(key)) throw new BuiltinFailure("unknown constraint");
  }
  const text = (name: string) => {
    const value = member(object, name);
    if (value !== undefined && typeof value !== "string") throw new BuiltinFailure(`${name}: expected string`);
    return value;
  };
  const [cert, secret, time] = [text("cert"), text("secret"), member(object, "time")];
  if ((cert === undefined) === (secret === undefined)) throw new BuiltinFailure("expected either cert or secret");
  if (time !== undefined && typeof time !== "number" && typeof time !== "bigint") throw new BuiltinFailure("time: expected number");
  return {
    keys: cert === undefined ? [] : publicKeys(cert),
    secret: secret === undefined ? undefined : Buffer.from(secret),
    alg: text("alg"),
    iss: text("iss"),
    aud: text("aud"),
    time,
  };
}

/** True where the token names its algorithm, that is one the caller takes, and the key that the caller gave has signed it. */
function isTrusted(token: CompactToken, { keys, secret, alg }: Constraints, run: Run): boolean {
  const name = member(token.header, "alg");
  const algorithm = algorithmNamed(name);
  // An extension that has to be understood is not (RFC 7515 §4.1.11).
  if (algorithm === undefined || (alg !== undefined && alg !== name) || member(token.header, "crit") !== undefined) return false;
  // The kind of key decides, never the token: a public key is no HMAC secret.
  if (secret !== undefined) return algorithm.kind === "hmac" && isAuthentic(token, algorithm.hash!, secret);
  if (algorithm.kind === "hmac") return false;
  const id = member(token.header, "kid");
  const named = keys.filter((one) => one.id !== undefined && one.id === id);
  return (named.length > 0 ? named : keys).some((one) => isSigned(token, algorithm, one.key, run));
}

function isForUs(payload: Value, { iss, aud }: Constraints): boolean {
  const [issuer, audience] = [member(payload, "iss"), member(payload, "aud")];
  if (iss !== undefined && (issuer === undefined || !equal(issuer, iss))) return false;
  if (audience === undefined || aud === undefined) return audience === aud;
  return Array.isArray(audience) ? (audience as readonly Value[]).some((one) => equal(one, aud)) : equal(audience, aud);
}

function isCurrent(payload: Value, { time }: Constraints, run: Run): boolean {
  const bound = (name: "exp" | "nbf"): bigint | undefined => {
    const value = member(payload, name);
    if (value === undefined) return undefined;
    if (typeof value !== "number" && typeof value !== "bigint") throw new BuiltinFailure(`the claim ${name} is no number`);
    return nanoseconds(value, 1_000_000_000);
  };
  const [expires, starts] = [bound("exp"), bound("nbf")];
  if (expires === undefined && starts === undefined) return true;
  const now = time === undefined ? run.settings.now : nanoseconds(time, 1);
  if (now === undefined) throw new BuiltinFailure("the evaluation was given no time");
  return (expires === undefined || now < expires) && (starts === undefined || now >= starts);
}

/** A number of units as whole nanoseconds. */
function nanoseconds(value: RegoNumber, unit: number): bigint {
  return isInteger(value) ? toBigInt(value) * BigInt(unit) : BigInt(Math.round(Number(value) * unit));
}

function encodeSign(header: string, payload: string, key: JsonWebKey, run: Run): string {
  run.characters((header.length + payload.length) * 3);
  const head = jsonObject(header, "header");
  const algorithm = algorithmNamed(member(head, "alg"));
  if (algorithm === undefined) throw new BuiltinFailure("the header names no known algorithm");
  const type = member(head, "typ");
  if (type === undefined || type === "JWT") {
    try {
      JSON.parse(payload);
    } catch {
      throw new BuiltinFailure("the payload of a JWT has to be JSON");
    }
  }
  const signed = `${Buffer.from(header).toString("base64url")}.${Buffer.from(payload).toString("base64url")}`;
  return `${signed}.${sealed(signed, algorithm, key, run).toString("base64url")}`;
}

function sealed(signed: string, algorithm: Algorithm, jwk: JsonWebKey, run: Run): Buffer {
  if (algorithm.kind === "hmac") {
    const secret = jwk.kty === "oct" && typeof jwk["k"] === "string" ? jwk["k"] : undefined;
    if (secret === undefined) throw new BuiltinFailure("expected a JWK of type oct");
    return createHmac(algorithm.hash!, Buffer.from(secret, "base64url")).update(signed).digest();
  }
  let key: KeyObject;
  try {
    key = createPrivateKey({ key: jwk, format: "jwk" });
  } catch {
    throw new BuiltinFailure("expected a JWK with a private key");
  }
  if (!fits(key, algorithm)) throw new BuiltinFailure("the key does not fit the algorithm");
  run.tick(OPERATION_STEPS * 10);
  return sign(algorithm.hash, Buffer.from(signed), keyed(key, algorithm));
}

/** Signatures of tokens. The one file of the engine that needs asymmetric cryptography of the runtime. */
export const signatures: Builtins = {
  ...Object.fromEntries(Object.keys(ALGORITHMS).map((name) => [`io.jwt.verify_${name.toLowerCase()}`, verifier(name)])),
  "io.jwt.decode_verify": builtin(2, (args, run) => {
    const constraints = constraintsArg(args, 1);
    const token = innermost(stringArg(args, 0), run, (one) => isTrusted(one, constraints, run));
    const refused = [false, {}, {}];
    if (token === undefined) return refused;
    const payload = jsonObject(token.payload, "payload");
    return isForUs(payload, constraints) && isCurrent(payload, constraints, run) ? [true, token.header, payload] : refused;
  }),
  "io.jwt.encode_sign": builtin(3, (args, run) => {
    const [header, payload] = [canonicalJson(objectArg(args, 0)), canonicalJson(objectArg(args, 1))];
    return encodeSign(header, payload, toJson(objectArg(args, 2)) as JsonWebKey, run);
  }),
  "io.jwt.encode_sign_raw": builtin(3, (args, run) => {
    const key = jsonObject(stringArg(args, 2), "key");
    return encodeSign(stringArg(args, 0), stringArg(args, 1), toJson(key) as JsonWebKey, run);
  }),
};
