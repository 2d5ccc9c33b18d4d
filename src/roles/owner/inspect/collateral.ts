import { decodePem } from "../../../crypto/index.ts";
import type { JsonObject } from "../../../system/index.ts";
import { type Collateral, parseCollateralFile, readUnverifiedQeIdentity, readUnverifiedTcbInfo } from "../../../tee/tdx/index.ts";
import type { Section } from "../report.ts";
import { type Artefact, type ArtefactKind, type Explanation, membersOf } from "./artefact.ts";
import { certificateFacts, certificateSections } from "./certificate.ts";
import { listFacts, listSection } from "./revocation-list.ts";
import { qeIdentityFacts, qeIdentitySections, tcbInfoFacts, tcbInfoSections } from "./tcb-document.ts";

/** Members by which the forms of collateral are told from other JSON (tdx.md §2.9). */
const FORMS: readonly (readonly string[])[] = [
  ["root_ca_crl", "tcb_info"],
  ["cai_collateral"],
  ["collaterals"],
  ["major_version", "tcb_info"],
];

/** Sets of one file that are explained. */
const SHOWN_SETS = 64;

/** Collateral in any form of file that is read: one set, or those of several kinds of platforms. */
export const collateral: ArtefactKind = {
  name: "collateral (JSON)",
  explain({ text, json }: Artefact): Explanation | undefined {
    const members = membersOf(json);
    if (text === undefined || members === undefined || !FORMS.some((form) => form.every((name) => name in members))) return undefined;
    const sets = parseCollateralFile(text).map((set) => explainSet(set.collateral));
    const [only] = sets;
    if (sets.length === 1 && only !== undefined) return only;
    const shown = sets.slice(0, SHOWN_SETS);
    return {
      kind: `collateral of ${sets.length} kinds of platforms`,
      json: { sets: shown.map((set) => set.json), left_out: sets.length - shown.length },
      sections: shown.flatMap((set) => set.sections),
    };
  },
};

function explainSet(set: Collateral): Explanation {
  const info = readUnverifiedTcbInfo(inner(set.tcbInfo));
  const identity = readUnverifiedQeIdentity(inner(set.qeIdentity));
  const [rootList, pckList] = [listFacts(set.rootCaCrl), listFacts(set.pckCrl)];
  const chain = (pem: string): JsonObject[] => decodePem(pem, "CERTIFICATE", 3).map(certificateFacts);
  const signers = chain(set.tcbInfoIssuerChain);
  const issuers = chain(set.pckCrlIssuerChain);
  const json = {
    tcb_info: tcbInfoFacts(info),
    qe_identity: qeIdentityFacts(identity),
    root_ca_crl: rootList,
    pck_crl: pckList,
    tcb_info_issuer_chain: signers,
    qe_identity_issuer_chain: chain(set.qeIdentityIssuerChain),
    pck_crl_issuer_chain: issuers,
  };
  const sections: Section[] = [
    ...tcbInfoSections(info),
    ...qeIdentitySections(identity),
    listSection("Revocation list of the root", rootList),
    listSection("Revocation list of the machines' authority", pckList),
    ...certificateSections("Signer of the TCB info", signers),
    ...certificateSections("Issuer of the machines' list", issuers),
  ];
  return { kind: `collateral of a ${info.id} platform`, json, sections };
}

/** A document within the set; what is no JSON is told by whoever reads it. */
function inner(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
