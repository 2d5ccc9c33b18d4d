import { parseCertificates } from "../../../crypto/index.ts";
import type { TrustAnchor } from "../../tee.ts";
import { anchorId } from "../anchors.ts";
import type { VerificationCache } from "../cache.ts";
import { type ChainContext, pckAuthority, verifyIssuerChain } from "../chain.ts";
import type { Collateral } from "../collateral.ts";
import { type QuotedTee, refusal, refuseAs } from "../refusal.ts";
import { refuseRevoked, verifyPckList, verifyRootList } from "../revocation.ts";
import { verifyIdentity, verifyTcbInfo } from "../verify.ts";
import type { CollateralSubject } from "./pcs.ts";

/** When a document was issued, and until when it is good; seconds since 1970. */
export interface DocumentDates {
  readonly issued: number;
  readonly nextUpdate: number;
}

/** What a set of collateral says, after it was verified that the manufacturer signed all of it. */
export interface CollateralFacts extends CollateralSubject {
  /** lower-case SHA-256 hex of the key of the anchor that everything led to */
  readonly anchor: string;
  readonly simulated: boolean;
  readonly tcbInfo: DocumentDates & { readonly evaluationNumber: number /** of the highest level */; readonly tcbDate: number };
  readonly qeIdentity: DocumentDates & { readonly evaluationNumber: number };
  readonly rootCrl: DocumentDates;
  readonly pckCrl: DocumentDates;
  /** the first moment at which something of it is past its date, certificates included; seconds since 1970 */
  readonly expires: number;
}

const IDENTITY = { tdx: "TD_QE", sgx: "QE" } as const;

/** What was found of these very objects before: a file's set is looked at with every quote. Neither anchors nor sets are ever changed. */
const found = new WeakMap<readonly TrustAnchor[], WeakMap<Collateral, CollateralFacts>>();

/**
 * Verifies that a set of collateral was signed by the manufacturer under one of the anchors, and that its parts belong together. Dates are not
 * judged, and there is no quote; so whatever passes may be kept, while only verification with a quote says what it is worth.
 *
 * @param tee  the kind of quotes that it is for
 * @throws CaiError `<tee>.<reason>`: as verification of a quote, without the reasons that are about one
 */
export function authenticateCollateral(
  collateral: Collateral,
  tee: QuotedTee,
  anchors: readonly TrustAnchor[],
  cache: VerificationCache,
): CollateralFacts {
  const known = found.get(anchors) ?? new WeakMap<Collateral, CollateralFacts>();
  found.set(anchors, known);
  const before = known.get(collateral);
  if (before?.tee === tee) return before;
  const facts = verify(collateral, tee, anchors, cache);
  known.set(collateral, facts);
  return facts;
}

function verify(collateral: Collateral, tee: QuotedTee, anchors: readonly TrustAnchor[], cache: VerificationCache): CollateralFacts {
  const context: ChainContext = { tee, cache };
  const what = "issuer chain of the PCK revocation list";
  const ders = refuseAs(tee, "crl-issuer-mismatch", what, () => parseCertificates(collateral.pckCrlIssuerChain, 2).map(({ der }) => der));
  const issuer = verifyIssuerChain(ders, anchors, context);
  const root = verifyRootList(collateral, issuer.root, context);
  const pck = verifyPckList(collateral, issuer.intermediate, context);
  refuseRevoked(issuer.intermediate, root, "intermediate-ca-revoked", context);
  const tcbInfo = verifyTcbInfo(collateral, issuer, { root }, true, context);
  const identity = verifyIdentity(collateral, issuer, { root }, true, context);
  const { value: info } = tcbInfo;
  const { value: qe } = identity;
  demand(info.id === tee.toUpperCase(), tee, "tcb-info-mismatch", "id of the TCB info", tee.toUpperCase(), info.id);
  demand(qe.id === IDENTITY[tee], tee, "qe-identity-mismatch", "id of the QE identity", IDENTITY[tee], qe.id);
  const certificates = [issuer.intermediate, issuer.root, tcbInfo.chain.leaf, tcbInfo.chain.root, identity.chain.leaf, identity.chain.root];
  return {
    tee,
    fmspc: info.fmspc.toHex(),
    ca: pckAuthority(issuer.intermediate),
    anchor: anchorId(issuer.anchor.certificate),
    simulated: issuer.anchor.simulated,
    tcbInfo: {
      evaluationNumber: info.evaluationNumber,
      issued: info.issueDate,
      nextUpdate: info.nextUpdate,
      tcbDate: info.levels[0]?.date ?? 0,
    },
    qeIdentity: { evaluationNumber: qe.evaluationNumber, issued: qe.issueDate, nextUpdate: qe.nextUpdate },
    rootCrl: { issued: root.thisUpdate, nextUpdate: root.nextUpdate },
    pckCrl: { issued: pck.thisUpdate, nextUpdate: pck.nextUpdate },
    expires: Math.min(...certificates.map(({ notAfter }) => notAfter), ...[root, pck, info, qe].map(({ nextUpdate }) => nextUpdate)),
  };
}

/**
 * Checks that a set is the one that a quote needs.
 *
 * @throws CaiError `<tee>.untrusted-root`, `<tee>.tcb-info-mismatch`, `<tee>.crl-issuer-mismatch`
 */
export function requireSubject(facts: CollateralFacts, wanted: CollateralSubject & { readonly anchor?: string }): void {
  const { tee } = wanted;
  const { anchor = facts.anchor } = wanted;
  demand(facts.anchor === anchor, tee, "untrusted-root", "root of the collateral", `the root of the PCK chain, ${anchor}`, facts.anchor);
  demand(facts.fmspc === wanted.fmspc, tee, "tcb-info-mismatch", "FMSPC of the TCB info", wanted.fmspc, facts.fmspc);
  demand(
    facts.ca === wanted.ca,
    tee,
    "crl-issuer-mismatch",
    "issuer of the PCK revocation list",
    `the ${wanted.ca} CA`,
    `the ${facts.ca} CA`,
  );
}

function demand(
  ok: boolean,
  tee: QuotedTee,
  reason: "untrusted-root" | "tcb-info-mismatch" | "qe-identity-mismatch" | "crl-issuer-mismatch",
  what: string,
  expected: string,
  got: string,
): void {
  if (!ok) throw refusal(tee, reason, what, expected, got);
}
