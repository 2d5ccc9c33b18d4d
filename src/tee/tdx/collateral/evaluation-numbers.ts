import { z } from "zod";
import { parseCertificates } from "../../../crypto/index.ts";
import { CaiError } from "../../../system/index.ts";
import { Fingerprint, VerificationCache } from "../cache.ts";
import { type ChainContext, findAnchor } from "../chain.ts";
import { dateField } from "../document-fields.ts";
import { type QuotedTee, refusal, refuseAs } from "../refusal.ts";
import { refuseRevoked, verifyRootList } from "../revocation.ts";
import { verifyDocument } from "../signed-document.ts";
import { rfc3339 } from "../validity.ts";
import { readChainHeader, readRevocationList, readSignedBody } from "./answer.ts";
import { type CollateralAccess, type OriginFailure, unavailable } from "./obtain.ts";
import type { CollateralOrigin, ServiceOrigin } from "./origin.ts";
import { askService } from "./pcs.ts";

/** One TCB evaluation number that collateral can be asked for (tdx.md §2.8). */
export interface EvaluationNumber {
  readonly number: number;
  /** when the manufacturer made known what led to it; seconds since 1970 */
  readonly recoveryEvent: number;
  /** what the machines have that are up to date by it; seconds since 1970 */
  readonly tcbDate: number;
}

/** The evaluation numbers of one kind of TEE, highest first, as the manufacturer signed them. */
export interface EvaluationNumbers {
  readonly tee: QuotedTee;
  readonly simulated: boolean;
  /** seconds since 1970 */
  readonly issued: number;
  readonly nextUpdate: number;
  readonly numbers: readonly EvaluationNumber[];
  /** the name of where the list came from */
  readonly origin: string;
}

const NAME = "TCB evaluation data numbers";
const number = z.int().min(0).max(0xffffffff);
const schema = z.object({
  id: z.enum(["TDX", "SGX"]),
  version: z.literal(1),
  issueDate: dateField,
  nextUpdate: dateField,
  tcbEvalNumbers: z.array(z.object({ tcbEvaluationDataNumber: number, tcbRecoveryEventDate: dateField, tcbDate: dateField })).max(256),
});

/**
 * Gets the list of evaluation numbers from the first service that has one which the manufacturer signed and which is not past its date.
 *
 * @throws CaiError as {@link obtainCollateral}
 */
export async function obtainEvaluationNumbers(
  origins: readonly CollateralOrigin[],
  tee: QuotedTee,
  access: CollateralAccess,
): Promise<EvaluationNumbers> {
  const failures: OriginFailure[] = [];
  for (const origin of origins) {
    if (origin.kind !== "service") continue;
    try {
      return await fetchNumbers(origin, tee, access);
    } catch (error) {
      access.signal?.throwIfAborted();
      if (!(error instanceof CaiError)) throw error;
      failures.push({ origin: origin.name, error });
    }
  }
  throw unavailable(`${NAME} of ${tee.toUpperCase()}`, failures);
}

async function fetchNumbers(service: ServiceOrigin, tee: QuotedTee, access: CollateralAccess): Promise<EvaluationNumbers> {
  const { client, signal, now } = access;
  const [answer, rootCrl] = await Promise.all([
    askService(client, new URL(`${service.base}/${tee}/certification/v4/tcbevaluationdatanumbers`), NAME, signal),
    askService(client, new URL(service.rootCrl), "root CA revocation list", signal),
  ]);
  const context: ChainContext = { tee, cache: access.cache ?? new VerificationCache() };
  const issuerChain = readChainHeader(answer, ["TCB-Evaluation-Data-Numbers-Issuer-Chain"], NAME);
  const root = refuseAs(tee, "tcb-info-signature-invalid", NAME, () => parseCertificates(issuerChain, 2).at(-1)!);
  const anchor = findAnchor(root, access.anchors, tee);
  const signed = readSignedBody(answer.body, "tcbEvaluationDataNumbers", NAME);
  const document = {
    name: NAME,
    ...signed,
    issuerChain,
    fingerprint: new Fingerprint(issuerChain, signed.text, signed.signature),
    malformed: "tcb-info-malformed",
    signatureInvalid: "tcb-info-signature-invalid",
  } as const;
  const { chain, value } = verifyDocument(document, anchor, true, context, (json) => schema.parse(json));
  const list = verifyRootList({ rootCaCrl: readRevocationList(rootCrl.body, "root CA revocation list") }, chain.root, context);
  refuseRevoked(chain.leaf, list, "tcb-signing-revoked", context);
  if (value.id !== tee.toUpperCase()) throw refusal(tee, "tcb-info-mismatch", `id of the ${NAME}`, tee.toUpperCase(), value.id);
  const until = Math.min(value.nextUpdate, list.nextUpdate, chain.leaf.notAfter, chain.root.notAfter);
  if (now() > until) throw refusal(tee, "collateral-expired", NAME, `valid at ${rfc3339(now())}`, `valid until ${rfc3339(until)}`);
  const numbers = value.tcbEvalNumbers.map(({ tcbEvaluationDataNumber, tcbRecoveryEventDate, tcbDate }) => ({
    number: tcbEvaluationDataNumber,
    recoveryEvent: tcbRecoveryEventDate,
    tcbDate,
  }));
  return {
    tee,
    simulated: anchor.simulated,
    issued: value.issueDate,
    nextUpdate: value.nextUpdate,
    numbers: numbers.sort((a, b) => b.number - a.number),
    origin: service.name,
  };
}
