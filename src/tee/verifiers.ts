import { sgxVerifier, type TdxVerifierOptions, tdxVerifier } from "./tdx/index.ts";
import type { TeeName, Verifier } from "./tee.ts";

/** What each platform's verifier is made from. */
export interface VerifierOptions {
  readonly sgx: TdxVerifierOptions;
  readonly tdx: TdxVerifierOptions;
}

/**
 * How the verifier of each platform is made: the one list of the platforms that can be verified. Which of them may open anything is the decision of
 * whoever composes them: a trustee names its platforms one by one.
 */
export const verifiers: { readonly [Tee in TeeName]: (options: VerifierOptions[Tee]) => Verifier } = { sgx: sgxVerifier, tdx: tdxVerifier };

/** True where `name` is a platform that this program verifies. */
export const isTeeName = (name: string): name is TeeName => Object.hasOwn(verifiers, name);
