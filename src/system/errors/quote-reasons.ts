import type { CatalogueEntry } from "./entry.ts";

const entry = (cause: string, remedy: string): CatalogueEntry => ({ exit: 3, cause, remedy });
const COLLATERAL = "Get the collateral again from the manufacturer's service, whole and from one source.";
const MACHINE = "Do not trust this machine until its operator can explain it.";

/** Why a quote is refused (tdx.md §2.1). TDX and SGX quotes are refused for the same reasons. */
const quoteReasons = {
  "unsupported-quote": entry(
    "The bytes are no quote of a version and shape that is known, or are cut short.",
    "Check how the quote was collected and carried.",
  ),
  "pck-chain-invalid": entry("The certificates of the machine's attestation key are not a chain as the manufacturer issues it.", MACHINE),
  "untrusted-root": entry(
    "A certificate chain ends at a root that is not trusted here.",
    "For a simulated platform, name its trust anchor; otherwise do not trust this machine.",
  ),
  "cert-not-yet-valid": entry("A certificate becomes valid only later.", "Check the clock of the verifying machine."),
  "crl-malformed": entry("A revocation list cannot be read.", COLLATERAL),
  "crl-issuer-mismatch": entry("A revocation list is not of the authority that issued the certificate.", COLLATERAL),
  "crl-signature-invalid": entry("The signature of a revocation list is wrong.", COLLATERAL),
  "pck-revoked": entry("The manufacturer revoked the machine's attestation certificate.", "Do not use this machine."),
  "intermediate-ca-revoked": entry("The manufacturer revoked the authority that certified the machine.", "Do not use this machine."),
  "tcb-signing-revoked": entry("The manufacturer revoked the key that signs its collateral.", COLLATERAL),
  "tcb-info-malformed": entry("The TCB info does not have the form that the manufacturer documents.", COLLATERAL),
  "tcb-info-signature-invalid": entry("The TCB info is not signed by the manufacturer.", COLLATERAL),
  "tcb-info-mismatch": entry("The TCB info is for another platform.", "Get the collateral for this platform's FMSPC and kind of TEE."),
  "qe-identity-malformed": entry("The QE identity does not have the form that the manufacturer documents.", COLLATERAL),
  "qe-identity-signature-invalid": entry("The QE identity is not signed by the manufacturer.", COLLATERAL),
  "qe-identity-mismatch": entry("The quoting enclave is not the one that the manufacturer names.", MACHINE),
  "qe-report-signature-invalid": entry("The quoting enclave's report is not signed by the machine's attestation certificate.", MACHINE),
  "qe-report-data-mismatch": entry("The attestation key is not the one that the quoting enclave vouches for.", MACHINE),
  "quote-signature-invalid": entry("The quote was altered, or was made by another key.", MACHINE),
  "tdx-module-mismatch": entry("The TDX module is not one that the manufacturer names.", MACHINE),
  "tcb-not-supported": entry(
    "The machine's firmware is older than every level that the manufacturer lists.",
    "Have the machine's operator update it.",
  ),
  "tcb-revoked": entry("The manufacturer revoked the machine's firmware level.", "Have the machine's operator update it."),
  "collateral-expired": entry("A certificate, revocation list or document about the platform is past its date.", "Get fresh collateral."),
  "collateral-not-yet-valid": entry(
    "A revocation list or document about the platform is dated in the future.",
    "Check the clock of the verifying machine.",
  ),
  "report-data-mismatch": entry(
    "The evidence was made for other report data: another key, nonce or caller.",
    "Attest again; evidence serves one purpose once.",
  ),
  "init-data-mismatch": entry("The machine was started with other init data.", "Start it with the init data that you present."),
  "event-log-malformed": entry("The event log in the evidence cannot be read.", "Check how the agent collected and carried it."),
  "event-log-mismatch": entry(
    "The event log in the evidence is not the log of what the quote's registers hold: it was altered, or is incomplete.",
    "Attest again; where it stays so, do not trust this machine until its operator can explain it.",
  ),
} as const satisfies Record<string, CatalogueEntry>;

/** One reason word. */
export type QuoteReason = keyof typeof quoteReasons;

/** The entries of all reasons under the ids `<tee>.<reason>`. */
export function quoteErrors<Tee extends string>(tee: Tee): { readonly [Reason in QuoteReason as `${Tee}.${Reason}`]: CatalogueEntry } {
  return Object.fromEntries(Object.entries(quoteReasons).map(([reason, each]) => [`${tee}.${reason}`, each])) as {
    readonly [Reason in QuoteReason as `${Tee}.${Reason}`]: CatalogueEntry;
  };
}
