import type { Collateral } from "../collateral.ts";
import type { SignedText } from "../signed-json.ts";
import { SIMULATED_FMSPC } from "./certificates.ts";
import { SIMULATED_EVALUATION_NUMBER } from "./documents.ts";

const PREFIX = /^\/(sgx|tdx)\/certification\/v4\/(.+)$/;

/** What else is served; what is missing is not known. */
export interface SimulatedPccsOptions {
  /** PEM of the chain of the platform's certificate, for whoever names any machine */
  readonly pckChain?: string;
  readonly evaluationNumbers?: () => SignedText;
}

/**
 * A caching service without a cache: it answers like a PCCS of version 4 for one simulated platform, with the peculiarities of such services, so that
 * what fetches collateral meets them: the root CA's list in hexadecimal, certificates percent-encoded in headers (tdx.md §2.8).
 *
 * @param collateral  what is served; asked with each request, so it may be renewed
 */
export function simulatedPccs(collateral: () => Collateral, more: SimulatedPccsOptions = {}): (request: Request) => Response {
  return ({ method, url }) => {
    const { pathname, searchParams: query } = new URL(url);
    const [, tree, item] = PREFIX.exec(pathname) ?? [];
    if (method !== "GET") return refuse(405, "only GET");
    const set = collateral();
    switch (`${tree}/${item}`) {
      case "tdx/tcb":
        if (!/^[0-9A-Fa-f]{12}$/.test(query.get("fmspc") ?? "")) return refuse(400, "fmspc is no FMSPC");
        if (query.get("fmspc")?.toLowerCase() !== SIMULATED_FMSPC.toHex()) return refuse(404, "no such platform");
        return edition(query) ?? document("tcbInfo", set.tcbInfo, set.tcbInfoSignature, "TCB-Info-Issuer-Chain", set.tcbInfoIssuerChain);
      case "tdx/qe/identity": {
        const { qeIdentity, qeIdentitySignature, qeIdentityIssuerChain } = set;
        const name = "SGX-Enclave-Identity-Issuer-Chain";
        return edition(query) ?? document("enclaveIdentity", qeIdentity, qeIdentitySignature, name, qeIdentityIssuerChain);
      }
      case "sgx/pckcrl":
        if (query.get("ca") === "processor") return refuse(404, "no platform of this authority");
        if (query.get("ca") !== "platform") return refuse(400, "ca is neither platform nor processor");
        return answer(Buffer.from(set.pckCrl), "application/pkix-crl", {
          "SGX-PCK-CRL-Issuer-Chain": encodeURIComponent(set.pckCrlIssuerChain),
        });
      case "sgx/rootcacrl":
        return answer(set.rootCaCrl.toHex(), "application/pkix-crl");
      case "sgx/pckcert":
        return pckCertificate(query, more.pckChain);
      case "tdx/tcbevaluationdatanumbers": {
        const numbers = more.evaluationNumbers?.();
        if (numbers === undefined) return refuse(404, "no list of numbers");
        const header = "TCB-Evaluation-Data-Numbers-Issuer-Chain";
        return document("tcbEvaluationDataNumbers", numbers.text, numbers.signature, header, set.tcbInfoIssuerChain);
      }
      default:
        return refuse(404, "nothing is here");
    }
  };
}

const MACHINE = { qeid: 32, cpusvn: 32, pcesvn: 4, pceid: 4 } as const;

function pckCertificate(query: URLSearchParams, chain: string | undefined): Response {
  for (const [name, digits] of Object.entries(MACHINE)) {
    if (!new RegExp(`^[0-9A-Fa-f]{${digits}}$`).test(query.get(name) ?? "")) return refuse(400, `${name} has another form`);
  }
  if (chain === undefined) return refuse(404, "no such machine");
  const [leaf = "", ...issuers] = chain.split(/(?<=-----END CERTIFICATE-----\n)/);
  return answer(leaf, "application/x-pem-file", { "SGX-PCK-Certificate-Issuer-Chain": encodeURIComponent(issuers.join("")) });
}

/** What is wrong with the edition that is asked for; undefined where it is the one that is served. */
function edition(query: URLSearchParams): Response | undefined {
  const [update, number] = [query.get("update"), query.get("tcbEvaluationDataNumber")];
  if (update !== null && number !== null) return refuse(400, "update and tcbEvaluationDataNumber exclude each other");
  if (update !== null && update !== "standard" && update !== "early") return refuse(400, "update is neither standard nor early");
  if (number === null || Number(number) === SIMULATED_EVALUATION_NUMBER) return undefined;
  return Number(number) < SIMULATED_EVALUATION_NUMBER ? refuse(410, "the number is too old") : refuse(404, "no such number");
}

function document(member: string, text: string, signature: Uint8Array, header: string, chain: string): Response {
  return answer(`{"${member}":${text},"signature":"${signature.toHex()}"}`, "application/json", { [header]: encodeURIComponent(chain) });
}

const answer = (body: string | Buffer<ArrayBuffer>, type: string, headers: Readonly<Record<string, string>> = {}): Response =>
  new Response(body, { headers: { "content-type": type, ...headers } });

const refuse = (status: number, why: string): Response => new Response(`${why}\n`, { status, headers: { "content-type": "text/plain" } });
