import type { Certificate, RevocationList } from "../../crypto/index.ts";
import { type QuotedTee, refusal } from "./refusal.ts";

/** One dated thing that a verdict rests on; times in seconds since 1970, both ends belong to the validity. */
export interface Dated {
  readonly what: string;
  readonly kind: "certificate" | "document";
  readonly from: number;
  readonly until: number;
}

/** What the dates of everything together say (tdx.md §2.6). */
export interface Validity {
  readonly earliestIssue: number;
  readonly latestIssue: number;
  readonly earliestExpiration: number;
  /** true where something is past its date, and in the last second before: what is still taken is no longer called current (tdx.md §2.6) */
  readonly expired: boolean;
}

export const datedCertificates = (chain: string, certificates: readonly Certificate[]): Dated[] =>
  certificates.map(({ subject, notBefore, notAfter }) => ({
    what: `${chain}, ${JSON.stringify(subject.commonName ?? "")}`,
    kind: "certificate",
    from: notBefore,
    until: notAfter,
  }));

export const datedList = (what: string, { thisUpdate, nextUpdate }: RevocationList): Dated => ({
  what,
  kind: "document",
  from: thisUpdate,
  until: nextUpdate,
});

export const datedDocument = (what: string, { issueDate, nextUpdate }: { issueDate: number; nextUpdate: number }): Dated => ({
  what,
  kind: "document",
  from: issueDate,
  until: nextUpdate,
});

/** How the clock is taken. */
export interface Clock {
  /** seconds since 1970 */
  readonly now: number;
  /** how far in the future an issue date may lie, seconds */
  readonly skew: number;
  /** `reject`: past its date is an error; `report`: it becomes part of the result, for a policy to judge */
  readonly expired: "reject" | "report";
}

/**
 * Judges the dates of everything (tdx.md §2.6). A date in the future is always an error.
 *
 * @throws CaiError `cert-not-yet-valid`, `collateral-not-yet-valid`, `collateral-expired`
 */
export function checkValidity(items: readonly Dated[], { now, skew, expired }: Clock, tee: QuotedTee): Validity {
  for (const { what, kind, from } of items) {
    if (from <= now + skew) continue;
    const reason = kind === "certificate" ? "cert-not-yet-valid" : "collateral-not-yet-valid";
    throw refusal(tee, reason, what, `valid at ${rfc3339(now)}`, `valid from ${rfc3339(from)}`);
  }
  const late = items.find(({ until }) => now > until);
  if (late !== undefined && expired === "reject") {
    throw refusal(tee, "collateral-expired", late.what, `valid at ${rfc3339(now)}`, `valid until ${rfc3339(late.until)}`);
  }
  const earliestExpiration = Math.min(...items.map(({ until }) => until));
  return {
    earliestIssue: Math.min(...items.map(({ from }) => from)),
    latestIssue: Math.max(...items.map(({ from }) => from)),
    earliestExpiration,
    expired: earliestExpiration <= now,
  };
}

/** Seconds since 1970 as `YYYY-MM-DDThh:mm:ssZ`. */
export const rfc3339 = (seconds: number): string => `${new Date(Math.floor(seconds) * 1000).toISOString().slice(0, 19)}Z`;
