import { attestedKeyForRelease, type EarClaims, parseEarClaims, type TeeKey, type TokenExpectation } from "../../protocol/index.ts";
import { CaiError, type ErrorId, type JsonObject } from "../../system/index.ts";
import { floorInToken, verifyToken } from "./attestation-token.ts";
import type { TokenSigner } from "./identity.ts";

/**
 * The right to have secrets encrypted to one attested key (security.md I1). Release takes this and nothing else, and only `open` makes
 * one: from a token that this trustee's signer signed, which it does at the end of a verified RCAR run and nowhere else.
 */
export class ReleaseGrant {
  readonly teeKey: TeeKey;
  /** the whole of the token's claims, the resource policy's input */
  readonly claims: JsonObject;
  readonly binding: "tagged" | "plain" | "none";
  readonly level: string;
  readonly policyHash: string;
  readonly protocol: string;
  /** the public id of the attestation's decision */
  readonly decision: string | undefined;
  readonly #floor: readonly ErrorId[];

  private constructor(teeKey: TeeKey, claims: JsonObject, cai: NonNullable<EarClaims["cai"]>, floor: readonly ErrorId[]) {
    this.teeKey = teeKey;
    this.claims = claims;
    this.binding = cai.binding;
    this.level = cai.level;
    this.policyHash = cai.policy_hash;
    this.protocol = cai.protocol;
    this.decision = cai.decision;
    this.#floor = floor;
  }

  /**
   * Opens a token (security.md I19).
   *
   * @param expected  what a token must say to open a resource now
   * @throws CaiError `kbs.token-…`, `kbs.evidence-purpose`
   */
  static open(signer: TokenSigner, token: string, expected: TokenExpectation): ReleaseGrant {
    const claims = verifyToken(signer, token);
    const ear = parseEarClaims(claims);
    const teeKey = attestedKeyForRelease(ear, expected);
    if (ear.cai === undefined) throw new CaiError("kbs.token-use", "the token is not for the key broker");
    return new ReleaseGrant(teeKey, claims, ear.cai, floorInToken(claims));
  }

  /** @throws CaiError `policy.…`: a line of the floor did not hold, and no policy lifts that (security.md I12) */
  requireFloor(): void {
    const id = this.#floor[0];
    if (id !== undefined) throw new CaiError(id, "the evidence is below the floor that holds under every policy");
  }
}
