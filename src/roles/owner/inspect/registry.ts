import { decodeBase64Tolerant } from "../../../crypto/index.ts";
import { CaiError } from "../../../system/index.ts";
import { type Artefact, type ArtefactKind, artefactOf, type Explanation } from "./artefact.ts";
import { ccelTable } from "./ccel-table.ts";
import { certificate } from "./certificate.ts";
import { collateral } from "./collateral.ts";
import { eventLog } from "./event-log.ts";
import { evidence } from "./evidence.ts";
import { quote } from "./quote.ts";
import { revocationList } from "./revocation-list.ts";
import { qeIdentity, tcbInfo } from "./tcb-document.ts";
import { tdreport } from "./tdreport.ts";
import { token } from "./token.ts";

/** Every kind that is recognised by its content, in the order in which they are asked. */
const KINDS: readonly ArtefactKind[] = [
  quote,
  tdreport,
  ccelTable,
  eventLog,
  certificate,
  revocationList,
  token,
  collateral,
  tcbInfo,
  qeIdentity,
  evidence,
];

/**
 * Explains bytes by what they are. Text that is hexadecimal or base64 of something known is taken for that.
 *
 * @throws CaiError `owner.artefact-unknown`, or what is wrong with an artefact of a known kind
 */
export function explainArtefact(bytes: Uint8Array): Explanation {
  const artefact = artefactOf(bytes);
  const found = explained(artefact) ?? encoded(artefact);
  if (found !== undefined) return found;
  const names = ["encrypted model", ...KINDS.map(({ name }) => name)];
  throw new CaiError("owner.artefact-unknown", "this is nothing that is known here", { expected: names.join(" · ") });
}

function explained(artefact: Artefact): Explanation | undefined {
  for (const kind of KINDS) {
    const explanation = kind.explain(artefact);
    if (explanation !== undefined) return explanation;
  }
  return undefined;
}

function encoded({ text }: Artefact): Explanation | undefined {
  const compact = text?.replaceAll(/\s/g, "") ?? "";
  if (compact === "") return undefined;
  const hex = /^(?:0x)?((?:[0-9a-f]{2})+)$/i.exec(compact)?.[1];
  const inner = hex === undefined ? base64(compact) : Uint8Array.fromHex(hex);
  const found = inner && explained(artefactOf(inner));
  return found && { ...found, kind: `${found.kind}, in ${hex === undefined ? "base64" : "hexadecimal"}` };
}

function base64(text: string): Uint8Array | undefined {
  try {
    return decodeBase64Tolerant(text);
  } catch {
    return undefined;
  }
}
