import { sgxVerifier, type TdxVerifierOptions, tdxVerifier } from "./tdx/index.ts";
import type { Verifier } from "./tee.ts";

/** What the verifier of each platform whose evidence is signed is made from. */
export interface VerifierOptions {
  readonly sgx: TdxVerifierOptions;
  readonly tdx: TdxVerifierOptions;
}

/** The platforms whose evidence is signed. */
export type SignedTee = keyof VerifierOptions;

/**
 * How the verifier of each platform is made: the one list of the platforms that can be verified. Which of them may open anything is the decision of
 * whoever composes them: a trustee names its platforms one by one.
 */
export const verifiers: { readonly [Tee in SignedTee]: (options: VerifierOptions[Tee]) => Verifier } = {
  sgx: sgxVerifier,
  tdx: tdxVerifier,
};

/** True where `name` is a platform whose evidence this program verifies. */
export const isTeeName = (name: string): name is SignedTee => Object.hasOwn(verifiers, name);
