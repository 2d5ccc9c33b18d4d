import { randomInt } from "node:crypto";
import { compilePolicy } from "../../../policy/index.ts";
import type { CaiTokenMember } from "../../../protocol/index.ts";
import { CaiError, type JsonObject, type JsonValue } from "../../../system/index.ts";
import type { HashedPolicy } from "../attestation-policy.ts";
import { compactToken } from "../attestation-token.ts";
import { TOKEN_LIFE } from "../signer-schedule.ts";
import type { SigningTokenSigner } from "../token-signers.ts";
import type { VerifiedEvidence } from "../verification.ts";

const QUERY = "data.policy.allow";
/** Members of claims that are told without the platform's name before them (trustee.md §5.3). */
const UNPREFIXED = ["report_data", "init_data"];
const ID_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const ID_LENGTH = 10;

/** What policies are asked with besides the evidence. */
interface AllowanceFacts {
  /** reference values in force, by name */
  readonly references: JsonObject;
  /** is told which of them a policy asked for */
  readonly onReference: (name: string) => void;
  /** seconds since 1970 */
  readonly now: number;
}

/**
 * Asks every policy whether all evidence together is fine (trustee.md §5.3): only the boolean true of `allow` says so (security.md I22).
 *
 * @returns what the policies were given: the flattened claims
 * @throws CaiError `policy.denied`, and what a policy throws
 */
export function requireAllowed(
  evidence: readonly VerifiedEvidence[],
  policies: readonly HashedPolicy[],
  { references, onReference, now }: AllowanceFacts,
): JsonObject {
  const input = Object.assign({}, ...evidence.map(({ claims }) => flattened(claims.tee, claims))) as JsonObject;
  for (const { id, text } of policies) {
    const allow = compilePolicy(text).evaluate(QUERY, {
      input,
      data: { reference: references },
      now,
      referenceValue(name) {
        if (!Object.hasOwn(references, name)) return null;
        onReference(name);
        return references[name]!;
      },
    });
    if (allow !== true) throw new CaiError("policy.denied", `attestation policy ${id} does not allow it: ${QUERY} is not true`);
  }
  return input;
}

/** `{"a": {"b": 1}}` of tdx becomes `{"tdx.a.b": 1}`; arrays are kept. */
function flattened(
  tee: string,
  { members, reportData, initData }: { members: JsonObject; reportData: string; initData: string | null },
): JsonObject {
  const flat: { [name: string]: JsonValue } = {};
  const add = (name: string, value: JsonValue): void => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) flat[name] = value;
    else for (const [member, inner] of Object.entries(value)) add(`${name}.${member}`, inner);
  };
  for (const [name, value] of Object.entries(members)) if (!UNPREFIXED.includes(name)) add(`${tee}.${name}`, value);
  return { ...flat, report_data: reportData, init_data: initData ?? "" };
}

/** What a simple token says. */
interface SimpleContents {
  /** the first piece is the one that the token names */
  readonly evidence: readonly VerifiedEvidence[];
  readonly tcbStatus: JsonObject;
  /** those that allowed it */
  readonly policies: readonly HashedPolicy[];
  readonly issuer: string;
  readonly cai: CaiTokenMember;
  /** seconds since 1970 */
  readonly now: number;
}

/**
 * Signs a token of the older form of the openanolis family (trustee.md §5.3). Certificates stand in its header as in an EAR token's.
 *
 * @param signer  an RS384 one
 */
export function simpleToken(signer: SigningTokenSigner, { evidence, tcbStatus, policies, issuer, cai, now }: SimpleContents): string {
  const { publicJwk, x5c } = signer;
  const [first] = evidence;
  const { claims, runtimeDataClaims, initDataClaims } = first!;
  const header = { alg: "RS384", jwk: { alg: "RS384", ...publicJwk, x5c }, typ: "JWT" };
  return compactToken(signer, header, {
    iss: issuer,
    iat: now,
    nbf: now,
    exp: now + TOKEN_LIFE,
    jti: Array.from({ length: ID_LENGTH }, () => ID_LETTERS[randomInt(ID_LETTERS.length)]).join(""),
    tee: claims.tee,
    "evaluation-reports": policies.map(({ id, hash }) => ({ "policy-id": id, "policy-hash": hash })),
    "tcb-status": JSON.stringify(tcbStatus),
    customized_claims: { init_data: claims.initData === null ? null : initDataClaims, runtime_data: runtimeDataClaims },
    ...(evidence.some(({ claims: { simulated } }) => simulated) && { simulated: true }),
    cai,
  });
}
