import { z } from "zod";
import { decodePem } from "../../crypto/index.ts";
import { CaiError, type QuoteReason } from "../../system/index.ts";
import type { Fingerprint } from "./cache.ts";
import { type Anchor, type ChainContext, certificateFingerprint, type SigningChain, verifySigningChain } from "./chain.ts";
import { refusal } from "./refusal.ts";
import { JsonRefused, type OpenedJson, openSignedJson } from "./signed-json.ts";

/** A signed document as it was delivered. */
export interface SignedDocument {
  /** for messages */
  readonly name: string;
  readonly text: string;
  readonly signature: Uint8Array;
  /** PEM: signing certificate and root */
  readonly issuerChain: string;
  /** of the three members before */
  readonly fingerprint: Fingerprint;
  readonly malformed: QuoteReason;
  readonly signatureInvalid: QuoteReason;
}

/** A document of the collateral whose chain, signature and form are good. */
export interface VerifiedDocument<T> {
  readonly chain: SigningChain;
  readonly value: T;
  readonly signed: OpenedJson["signed"];
}

/**
 * Verifies one signed document of the collateral: chain, signature, form. Dates and revocation are looked at elsewhere, with the caller's clock.
 *
 * @param read  gives the typed value of the verified object; it may throw ZodError and JsonRefused
 * @throws CaiError  the document's own reasons, or `untrusted-root`
 */
export function verifyDocument<T>(
  document: SignedDocument,
  anchor: Anchor,
  reseal: boolean,
  context: ChainContext,
  read: (value: unknown) => T,
): VerifiedDocument<T> {
  const { name, text, signature, fingerprint } = document;
  const inputs = [fingerprint, certificateFingerprint.of(anchor.certificate), `${context.tee} ${anchor.simulated} ${reseal}`];
  return context.cache.remember(name, inputs, () => {
    const chain = verifySigningChain(pemOf(document, context), anchor, document.signatureInvalid, context);
    try {
      const opened = openSignedJson(text, signature, chain.leaf.publicKey.point!, reseal);
      if (opened === undefined) {
        throw refusal(context.tee, document.signatureInvalid, `signature of the ${name}`, "a good signature", "a bad one");
      }
      return { chain, value: read(opened.value), signed: opened.signed };
    } catch (cause) {
      if (cause instanceof JsonRefused) throw refusal(context.tee, document.malformed, name, cause.expected, cause.got, { cause });
      if (!(cause instanceof z.ZodError)) throw cause;
      const issue = cause.issues[0];
      const where = `${name}, /${issue?.path.join("/") ?? ""}`;
      throw refusal(context.tee, document.malformed, where, "the documented form", issue?.message ?? "another form", { cause });
    }
  });
}

function pemOf({ issuerChain, signatureInvalid, name }: SignedDocument, { tee }: ChainContext): Uint8Array[] {
  try {
    return decodePem(issuerChain, "CERTIFICATE", 2);
  } catch (cause) {
    if (!(cause instanceof CaiError)) throw cause;
    throw refusal(tee, signatureInvalid, `issuer chain of the ${name}`, "two certificates", cause.message, { cause });
  }
}
