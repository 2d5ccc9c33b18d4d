import { attestedKeyForRelease, type EarClaims, parseEarClaims, type TeeKey, type TokenExpectation } from "../../protocol/index.ts";
import { CaiError, type ErrorId, type JsonObject } from "../../system/index.ts";
import { type MintedClaims, mintedMembers, verifyToken } from "./attestation-token.ts";
import type { TokenSigner } from "./token-signers.ts";

/**
 * The right to have secrets encrypted to one attested key (security.md I1). Release takes this and nothing else, and only `open` makes
 * one: from a token that this trustee's signer signed, which it does at the end of a verified RCAR run and nowhere else.
 */
export class ReleaseGrant {
  readonly teeKey: TeeKey;
  /** the whole of the token's claims, as they were minted */
  readonly claims: JsonObject;
  /** the evidence in the token, to be graded again, and the facts of each piece */
  readonly submods: EarClaims["submods"];
  readonly facts: MintedClaims["cai"]["facts"];
  readonly binding: "tagged" | "plain" | "none";
  readonly fresh: "nonce" | "challenge" | "none";
  readonly level: string;
  /** the version of the protocol that the run was of, which decides the form of answers */
  readonly protocol: string;
  readonly policyHash: string;
  readonly #floor: readonly ErrorId[];

  private constructor(teeKey: TeeKey, claims: JsonObject, ear: EarClaims, cai: NonNullable<EarClaims["cai"]>) {
    const { floor, facts } = mintedMembers(claims);
    this.teeKey = teeKey;
    this.claims = claims;
    this.submods = ear.submods;
    this.facts = facts;
    this.binding = cai.binding;
    this.fresh = cai.fresh;
    this.level = cai.level;
    this.protocol = cai.protocol;
    this.policyHash = cai.policy_hash;
    this.#floor = floor;
  }

  /**
   * Opens a token (security.md I19).
   *
   * @param signers   those of this trustee whose tokens are taken
   * @param expected  what a token must say to open a resource now
   * @throws CaiError `kbs.token-…`, `kbs.evidence-purpose`
   */
  static open(signers: readonly TokenSigner[], token: string, expected: TokenExpectation): ReleaseGrant {
    const claims = verifyToken(signers, token);
    const ear = parseEarClaims(claims);
    const teeKey = attestedKeyForRelease(ear, expected);
    if (ear.cai === undefined) throw new CaiError("kbs.token-use", "the token is not for the key broker");
    return new ReleaseGrant(teeKey, claims, ear, ear.cai);
  }

  /** @throws CaiError `policy.…`: a line of the floor did not hold, and no policy lifts that (security.md I12) */
  requireFloor(): void {
    const id = this.#floor[0];
    if (id !== undefined) throw new CaiError(id, "the evidence is below the floor that holds under every policy");
  }
}
