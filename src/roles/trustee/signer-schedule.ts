/** How long a token is good for, seconds (security.md §5). A signer's successor ends what it signs, and this later what is taken of it. */
export const TOKEN_LIFE = 300;

/** The algorithms that tokens are signed with: EAR, and the simple tokens of the openanolis family (trustee.md §5.2, §5.3). */
export const TOKEN_ALGORITHMS = ["ES256", "RS384"] as const;
export type TokenAlgorithm = (typeof TOKEN_ALGORITHMS)[number];

/** What the store's table says of a signer, under its key id. */
export interface SignerRow {
  readonly alg: TokenAlgorithm;
  /** seconds since 1970, from which on it signs */
  readonly from: number;
  /** tells two that begin in the same second apart: the higher one is the later */
  readonly sequence: number;
  /** true where the signers before it are not to be trusted any more from then on */
  readonly alone: boolean;
  /** base64 of the DER of its certificate */
  readonly certificate: string;
  /** the name of its private key */
  readonly key: string;
}

/** When a signer signs, and when its tokens are taken; all in seconds since 1970. */
export interface Schedule {
  readonly from: number;
  /** Infinity where no successor is known */
  readonly until: number;
  readonly acceptedUntil: number;
}

export type SignerState = "upcoming" | "signing" | "accepted" | "retired";

/** @returns when each signer of one algorithm does what, the earliest first */
export function scheduled<Row extends Pick<SignerRow, "from" | "sequence" | "alone">>(
  rows: readonly Row[],
): { readonly row: Row; readonly schedule: Schedule }[] {
  const sorted = [...rows].sort((a, b) => a.from - b.from || a.sequence - b.sequence);
  return sorted.map((row, i) => {
    const later = sorted.slice(i + 1);
    const until = later[0]?.from ?? Number.POSITIVE_INFINITY;
    const distrusted = later.find(({ alone }) => alone)?.from ?? Number.POSITIVE_INFINITY;
    return { row, schedule: { from: row.from, until, acceptedUntil: Math.min(until + TOKEN_LIFE, distrusted) } };
  });
}

export function stateOf({ from, until, acceptedUntil }: Schedule, now: number): SignerState {
  if (acceptedUntil <= now) return "retired";
  if (from > now) return "upcoming";
  return until > now ? "signing" : "accepted";
}
