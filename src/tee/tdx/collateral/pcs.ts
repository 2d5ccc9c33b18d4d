import { CaiError, type HttpClient, type HttpResponse } from "../../../system/index.ts";
import type { Collateral } from "../collateral.ts";
import type { CollateralRequest } from "../collateral-source.ts";
import type { QuotedTee } from "../refusal.ts";
import { invalid, readChainHeader, readRevocationList, readSignedBody } from "./answer.ts";
import type { ServiceOrigin } from "./origin.ts";

/**
 * Which edition of the signed documents is wanted: the one in force, the one that comes next, or that of one TCB evaluation number. Both documents of
 * a set are of the same (tdx.md §2.8).
 */
export type CollateralUpdate = "standard" | "early" | number;

/** @throws CaiError `cli.setting-invalid` */
export function parseCollateralUpdate(text: string): CollateralUpdate {
  if (text === "standard" || text === "early") return text;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new CaiError("cli.setting-invalid", `an edition of collateral cannot be ${JSON.stringify(text)}`, {
    expected: "standard, early, or a TCB evaluation number",
    got: text,
  });
}

/** What a quote needs collateral for. */
export type CollateralSubject = Pick<CollateralRequest, "tee" | "fmspc" | "ca">;

/** How a service is asked. */
export interface ServiceAccess {
  /** its limits of size and time are those of each request */
  readonly client: HttpClient;
  /** default: `standard` */
  readonly update?: CollateralUpdate;
  readonly signal?: AbortSignal;
}

const CHAIN_HEADERS = {
  tcb: ["TCB-Info-Issuer-Chain", "SGX-TCB-Info-Issuer-Chain"],
  identity: ["SGX-Enclave-Identity-Issuer-Chain"],
  pckCrl: ["SGX-PCK-CRL-Issuer-Chain"],
} as const;

/**
 * Gets a whole set of collateral from one service: never documents of two (tdx.md §2.8). Nothing of it is verified here.
 *
 * @throws CaiError `tdx.collateral-unknown` where the service has none for this platform; `net.…` where it may have some another time
 */
export async function fetchCollateral(service: ServiceOrigin, subject: CollateralSubject, access: ServiceAccess): Promise<Collateral> {
  const { tee, fmspc, ca } = subject;
  if (service.api === "v3" && tee === "tdx") throw unknown("version 3 of the protocol has no TDX");
  const giveUp = new AbortController();
  const signal = access.signal ? AbortSignal.any([access.signal, giveUp.signal]) : giveUp.signal;
  const get = (what: string, path: string) => askService(access.client, new URL(path), what, signal);
  const tree = (of: QuotedTee) => `${service.base}/${of}/certification/${service.api}`;
  const edition = editionOf(access.update ?? "standard");
  try {
    const [tcb, identity, pckCrl, rootCrl] = await Promise.all([
      get("TCB info", `${tree(tee)}/tcb?fmspc=${fmspc.toUpperCase()}${edition && `&${edition}`}`),
      get("QE identity", `${tree(tee)}/qe/identity${edition && `?${edition}`}`),
      get("PCK revocation list", `${tree("sgx")}/pckcrl?ca=${ca}${service.api === "v4" ? "&encoding=der" : ""}`),
      get("root CA revocation list", service.rootCrl),
    ]);
    const tcbInfo = readSignedBody(tcb.body, "tcbInfo", "TCB info");
    const qeIdentity = readSignedBody(identity.body, "enclaveIdentity", "QE identity");
    return {
      pckCrlIssuerChain: readChainHeader(pckCrl, CHAIN_HEADERS.pckCrl, "PCK revocation list"),
      rootCaCrl: readRevocationList(rootCrl.body, "root CA revocation list"),
      pckCrl: readRevocationList(pckCrl.body, "PCK revocation list"),
      tcbInfoIssuerChain: readChainHeader(tcb, CHAIN_HEADERS.tcb, "TCB info"),
      tcbInfo: tcbInfo.text,
      tcbInfoSignature: tcbInfo.signature,
      qeIdentityIssuerChain: readChainHeader(identity, CHAIN_HEADERS.identity, "QE identity"),
      qeIdentity: qeIdentity.text,
      qeIdentitySignature: qeIdentity.signature,
      pckCertificateChain: undefined,
    };
  } finally {
    // Where one item failed, the others are of no use any more.
    giveUp.abort();
  }
}

/** Asks a service for the smallest thing that each has: the revocation list of the Platform CA. @throws CaiError as {@link fetchCollateral} */
export async function probeService(service: ServiceOrigin, { client, signal }: ServiceAccess): Promise<void> {
  const encoding = service.api === "v4" ? "&encoding=der" : "";
  const url = new URL(`${service.base}/sgx/certification/${service.api}/pckcrl?ca=platform${encoding}`);
  readRevocationList((await askService(client, url, "PCK revocation list", signal)).body, "PCK revocation list");
}

/** `standard` is every service's default, and some take the parameter on one path only, so it is not said. */
function editionOf(update: CollateralUpdate): string {
  if (update === "standard") return "";
  return update === "early" ? "update=early" : `tcbEvaluationDataNumber=${update}`;
}

/** One GET. @throws CaiError `tdx.collateral-unknown` for 404 and 410, `net.…` for everything else that is not 200 */
export async function askService(client: HttpClient, url: URL, what: string, signal: AbortSignal | undefined): Promise<HttpResponse> {
  const answer = await client.request({ method: "GET", url, ...(signal && { signal }) });
  if (answer.status === 200) return answer;
  if (answer.status === 404 || answer.status === 410) throw unknown(`${what}: ${url.origin} answered with status ${answer.status}`);
  throw invalid(`${what} of ${url.origin}`, "status 200", `status ${answer.status}`);
}

const unknown = (message: string): CaiError => new CaiError("tdx.collateral-unknown", message);
