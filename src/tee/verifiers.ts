import { type TdxVerifierOptions, tdxVerifier } from "./tdx/index.ts";
import type { TeeName, Verifier } from "./tee.ts";

/** What each platform's verifier is made from. */
export interface VerifierOptions {
  readonly tdx: TdxVerifierOptions;
}

/** How the verifier of each platform is made: the one list of the platforms that can be verified. */
export const verifiers: { readonly [Tee in TeeName]: (options: VerifierOptions[Tee]) => Verifier } = { tdx: tdxVerifier };

/** True where `name` is a platform that this program verifies. */
export const isTeeName = (name: string): name is TeeName => Object.hasOwn(verifiers, name);
