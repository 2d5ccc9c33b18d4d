import {
  type Certificate,
  checkRevocationListIssuer,
  checkRevocationListSignature,
  decodePem,
  parseRevocationList,
  type RevocationList,
} from "../../crypto/index.ts";
import { CaiError, type QuoteReason } from "../../system/index.ts";
import { type Fingerprint, Fingerprints } from "./cache.ts";
import { type ChainContext, certificateFingerprint, checkIssuedOnce, type PckChain, rememberedCertificate } from "./chain.ts";
import type { Collateral } from "./collateral.ts";
import { certificatesFinding, listFinding, revocationFinding } from "./findings.ts";
import { sameBytes } from "./layout.ts";
import { refusal, refuseAs } from "./refusal.ts";
import type { Steps } from "./steps.ts";

/** The verified revocation lists of one PCK chain. */
export interface RevocationLists {
  readonly root: RevocationList;
  readonly pck: RevocationList;
  /** the chain that was delivered with the PCK list: intermediate and root */
  readonly pckIssuerChain: readonly Certificate[];
}

/**
 * Verifies both revocation lists and looks the chain's certificates up in them; dates are looked at elsewhere (tdx.md §2.5).
 *
 * @throws CaiError `crl-malformed`, `crl-issuer-mismatch`, `crl-signature-invalid`, `intermediate-ca-revoked`, `pck-revoked`
 */
export function verifyRevocationLists(
  collateral: Collateral,
  chain: PckChain,
  context: ChainContext & { readonly steps: Steps },
): RevocationLists {
  const { steps } = context;
  const root = steps.run(
    "root-ca-crl",
    () => verifyRootList(collateral, chain.root, context),
    (list) => listFinding(chain.root, list),
  );
  const pck = steps.run(
    "pck-crl",
    () => verifyPckList(collateral, chain.intermediate, context),
    (list) => listFinding(chain.intermediate, list),
  );
  const pckIssuerChain = steps.run("pck-crl-issuer-chain", () => readIssuerChain(collateral, chain, context), certificatesFinding);
  steps.run(
    "intermediate-ca-revocation",
    () => refuseRevoked(chain.intermediate, root, "intermediate-ca-revoked", context),
    () => revocationFinding(chain.intermediate, root),
  );
  steps.run(
    "pck-revocation",
    () => refuseRevoked(chain.leaf, pck, "pck-revoked", context),
    () => revocationFinding(chain.leaf, pck),
  );
  return { root, pck, pckIssuerChain };
}

/** @throws CaiError `reason` where `list` names the certificate */
export function refuseRevoked(certificate: Certificate, list: RevocationList, reason: QuoteReason, { tee }: ChainContext): void {
  if (!list.revoked.has(certificate.serial)) return;
  const name = certificate.subject.commonName ?? "certificate";
  throw refusal(tee, reason, name, "a serial number that is not revoked", `revoked ${certificate.serial.toString(16)}`);
}

const rootListFingerprint = new Fingerprints<Pick<Collateral, "rootCaCrl">>(({ rootCaCrl }) => [rootCaCrl]);
const pckListFingerprint = new Fingerprints<Collateral>(({ pckCrl }) => [pckCrl]);
const issuerChainFingerprint = new Fingerprints<Collateral>(({ pckCrlIssuerChain }) => [pckCrlIssuerChain]);

/**
 * Verifies the revocation list of the root; dates are looked at elsewhere.
 *
 * @throws CaiError `crl-malformed`, `crl-issuer-mismatch`, `crl-signature-invalid`
 */
export const verifyRootList = (collateral: Pick<Collateral, "rootCaCrl">, root: Certificate, context: ChainContext): RevocationList =>
  verifyList(collateral.rootCaCrl, rootListFingerprint.of(collateral), root, "root CA revocation list", context);

/** The same of the list of the authority that issued the PCK certificate. */
export const verifyPckList = (collateral: Collateral, intermediate: Certificate, context: ChainContext): RevocationList =>
  verifyList(collateral.pckCrl, pckListFingerprint.of(collateral), intermediate, "PCK revocation list", context);

function verifyList(
  der: Uint8Array,
  fingerprint: Fingerprint,
  issuer: Certificate,
  what: string,
  { tee, cache }: ChainContext,
): RevocationList {
  return cache.remember("revocation list", [fingerprint, certificateFingerprint.of(issuer), tee], () => {
    const list = refuseAs(tee, "crl-malformed", what, () => parseRevocationList(der));
    refuseAs(tee, "crl-issuer-mismatch", what, () => checkRevocationListIssuer(list, issuer));
    refuseAs(tee, "crl-signature-invalid", what, () => checkRevocationListSignature(list, issuer));
    return list;
  });
}

/** The chain that comes with the PCK list must be of the same names and keys as the quote's own above its leaf. */
function readIssuerChain(collateral: Collateral, chain: PckChain, { tee, cache }: ChainContext): readonly Certificate[] {
  const own = [chain.intermediate, chain.root];
  const inputs = [issuerChainFingerprint.of(collateral), ...own.map((certificate) => certificateFingerprint.of(certificate))];
  return cache.remember("PCK revocation list issuer chain", inputs, () => {
    const expected = "the intermediate and root of the PCK chain";
    const refused = (got: string, cause?: unknown): CaiError =>
      refusal(tee, "crl-issuer-mismatch", "issuer chain of the PCK revocation list", expected, got, { cause });
    let delivered: Certificate[];
    try {
      delivered = decodePem(collateral.pckCrlIssuerChain, "CERTIFICATE", 2).map((der) => rememberedCertificate(der, cache));
    } catch (cause) {
      if (!(cause instanceof CaiError)) throw cause;
      throw refused(cause.message, cause);
    }
    const same = own.every(
      ({ subject, publicKey }, index) =>
        delivered[index] !== undefined &&
        sameBytes(delivered[index].subject.der, subject.der) &&
        sameBytes(delivered[index].publicKey.spki, publicKey.spki),
    );
    const [intermediate, root] = delivered;
    if (!same || !intermediate || !root) throw refused(delivered.map(({ subject }) => subject.commonName ?? "").join(", "));
    // Its dates become claims, so it must be signed even where it is another edition of the same certificates.
    refuseAs(tee, "crl-issuer-mismatch", "issuer chain of the PCK revocation list", () => {
      checkIssuedOnce(root, root, cache);
      checkIssuedOnce(intermediate, root, cache);
    });
    return delivered;
  });
}
