import { CaiError } from "../../../system/index.ts";
import { parseQuote, type Quote } from "../quote.ts";
import { authenticateQuote } from "../verify.ts";
import { readChainHeader } from "./answer.ts";
import { type CollateralAccess, type OriginFailure, unavailable } from "./obtain.ts";
import type { CollateralOrigin, ServiceOrigin } from "./origin.ts";
import { askService } from "./pcs.ts";

/** Certification data of these types names the machine and carries no certificate (tdx.md §1.5). */
const NAMING_TYPES = 3;
const CHAIN_HEADERS = ["SGX-PCK-Certificate-Issuer-Chain"] as const;

/**
 * Gets the certificate chain of the machine that made a quote, for quotes that only name their machine. To be called where somebody holds the quote in
 * his hand: it asks before anything of the quote was verified, which a server must not do for strangers (security.md I40).
 *
 * @param bytes  a quote
 * @returns PEM of leaf, intermediate and root, with which the quote's own signatures hold; undefined where the quote needs none
 * @throws CaiError `<tee>.unsupported-quote`, and as {@link obtainCollateral}
 */
export async function obtainPckChain(
  bytes: Uint8Array,
  origins: readonly CollateralOrigin[],
  access: CollateralAccess,
): Promise<string | undefined> {
  const quote = parseQuote(bytes);
  if (quote.certification.type > NAMING_TYPES) return undefined;
  const failures: OriginFailure[] = [];
  for (const origin of origins) {
    if (origin.kind !== "service") continue;
    try {
      const chain = await fetchPckChain(origin, quote, access);
      authenticateQuote(bytes, chain, { anchors: access.anchors, now: access.now(), expired: "report" });
      return chain;
    } catch (error) {
      access.signal?.throwIfAborted();
      if (!(error instanceof CaiError)) throw error;
      failures.push({ origin: origin.name, error });
    }
  }
  throw unavailable("the certificate of the machine that the quote names", failures);
}

async function fetchPckChain(service: ServiceOrigin, quote: Quote, { client, signal }: CollateralAccess): Promise<string> {
  const query = new URLSearchParams(machineOf(quote));
  const url = new URL(`${service.base}/sgx/certification/${service.api}/pckcert?${query}`);
  const answer = await askService(client, url, "PCK certificate", signal);
  const leaf = Buffer.from(answer.body).toString("latin1").trim();
  return `${leaf}\n${readChainHeader(answer, CHAIN_HEADERS, "PCK certificate")}`;
}

/** What names a machine to a service: hexadecimal of the bytes as they stand in the quote (tdx.md §1.5, §2.8). */
function machineOf({ header, certification: { type, data } }: Quote): Record<string, string> {
  const ppidSize = { 1: 16, 2: 256, 3: 384 }[type as 1 | 2 | 3];
  const part = (from: number, size: number): string => data.subarray(ppidSize + from, ppidSize + from + size).toHex();
  return {
    qeid: header.userData.subarray(0, 16).toHex(),
    ...(type !== 1 && { encrypted_ppid: data.subarray(0, ppidSize).toHex() }),
    cpusvn: part(0, 16),
    pcesvn: part(16, 2),
    // Some producers of plain PPIDs leave it out; it has been zero on every machine so far.
    pceid: part(18, 2) || "0000",
  };
}
