import { decodePem } from "../../../crypto/index.ts";
import { parseBundle, readUnverifiedQeIdentity, readUnverifiedTcbInfo } from "../../../tee/tdx/index.ts";
import { type Artefact, type ArtefactKind, type Explanation, membersOf } from "./artefact.ts";
import { certificateFacts, certificateSections } from "./certificate.ts";
import { listFacts, listSection } from "./revocation-list.ts";
import { qeIdentityFacts, qeIdentitySections, tcbInfoFacts, tcbInfoSections } from "./tcb-document.ts";

/** A bundle of collateral (tdx.md §2.9, form 1). */
export const collateral: ArtefactKind = {
  name: "collateral bundle (JSON)",
  explain({ text, json }: Artefact): Explanation | undefined {
    const members = membersOf(json);
    if (text === undefined || members === undefined || !("root_ca_crl" in members) || !("tcb_info" in members)) return undefined;
    const bundle = parseBundle(text);
    const info = readUnverifiedTcbInfo(inner(bundle.tcbInfo));
    const identity = readUnverifiedQeIdentity(inner(bundle.qeIdentity));
    const [rootList, pckList] = [listFacts(bundle.rootCaCrl), listFacts(bundle.pckCrl)];
    const chain = (pem: string) => decodePem(pem, "CERTIFICATE", 3).map(certificateFacts);
    const signers = chain(bundle.tcbInfoIssuerChain);
    const issuers = chain(bundle.pckCrlIssuerChain);
    return {
      kind: `collateral of a ${info.id} platform`,
      json: {
        tcb_info: tcbInfoFacts(info),
        qe_identity: qeIdentityFacts(identity),
        root_ca_crl: rootList,
        pck_crl: pckList,
        tcb_info_issuer_chain: signers,
        qe_identity_issuer_chain: chain(bundle.qeIdentityIssuerChain),
        pck_crl_issuer_chain: issuers,
      },
      sections: [
        ...tcbInfoSections(info),
        ...qeIdentitySections(identity),
        listSection("Revocation list of the root", rootList),
        listSection("Revocation list of the machines' authority", pckList),
        ...certificateSections("Signer of the TCB info", signers),
        ...certificateSections("Issuer of the machines' list", issuers),
      ],
    };
  },
};

/** A document within the bundle; what is no JSON is told by whoever reads it. */
function inner(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
