import { CaiError, type FlagSpec, formatTable, readTextFile, readTextFileIfAny } from "../../system/index.ts";
import type { TrustAnchor } from "../../tee/index.ts";
import {
  anchorByName,
  authenticateCollateral,
  builtInAnchors,
  type CollateralAccess,
  type CollateralOrigin,
  type CollateralSummary,
  collateralClient,
  configuredOrigins,
  type FileSet,
  type LabelledSet,
  metadataClient,
  parseCollateralFile,
  VerificationCache,
} from "../../tee/tdx/index.ts";
import { readInput } from "./input.ts";

/** More than any certificate has, bytes. */
const MAX_ANCHOR = 64 * 1024;

/** The root of a simulated platform, whose collateral is to count as signed. */
export const ANCHOR_FLAG = {
  kind: "text",
  value: "FILE",
  about: "the root certificate of a simulated platform, to take its collateral besides real ones",
  commandLineOnly: true,
} as const satisfies FlagSpec;

/** @returns the built-in roots, and the simulated one that is named. @throws CaiError `cli.input-unreadable`, `tdx.anchor-refused` */
export async function collateralAnchors(path: string | undefined): Promise<readonly TrustAnchor[]> {
  if (path === undefined) return builtInAnchors();
  return [...builtInAnchors(), anchorByName(await readInput(path, MAX_ANCHOR))];
}

/** Where this machine gets collateral. @throws CaiError `cli.setting-invalid` */
export function localOrigins(list: string | undefined): Promise<readonly CollateralOrigin[]> {
  return configuredOrigins(list, { environment: process.env, readFile: readTextFileIfAny, metadata: metadataClient() }).resolve();
}

/** The flags of verbs that ask sources of collateral. */
export const SOURCE_FLAGS = {
  source: {
    kind: "text",
    value: "LIST",
    about: "intel, alibaba, alibaba:REGION, http(s) addresses, files; by default what this machine is set up for, else intel",
    commandLineOnly: true,
  },
  "source-ca": {
    kind: "text",
    value: "FILE",
    about: "certificate authorities (PEM) of sources that are given by address, instead of the built-in ones",
    commandLineOnly: true,
  },
  timeout: { kind: "number", value: "SECONDS", min: 1, max: 600, default: 60, about: "of one request", commandLineOnly: true },
  "trust-anchor": ANCHOR_FLAG,
} as const satisfies Record<string, FlagSpec>;

/** What getting collateral takes on this machine. @throws CaiError `cli.setting-invalid`, `cli.input-unreadable` */
export function localAccess(
  flags: { readonly timeout: number; readonly "source-ca": string | undefined },
  options: Pick<CollateralAccess, "anchors" | "update" | "signal">,
): CollateralAccess {
  const ca = flags["source-ca"];
  return {
    ...options,
    client: collateralClient({ timeoutSeconds: flags.timeout, ...(ca !== undefined && { ca: readTextFile(ca) }) }),
    readFile: (path) => parseCollateralFile(readTextFile(path)),
    now,
    cache: new VerificationCache(),
  };
}

/** Seconds since 1970. */
export const now = (): number => Math.floor(Date.now() / 1000);

/** What a file of collateral holds: the sets that the manufacturer signed, and why others do not count. */
export interface CheckedFile {
  readonly sets: readonly LabelledSet[];
  readonly refused: readonly CaiError[];
}

/** Verifies each set of a file under the anchors. */
export function checkSets(sets: readonly FileSet[], anchors: readonly TrustAnchor[], path: string): CheckedFile {
  const cache = new VerificationCache();
  const good: LabelledSet[] = [];
  const refused: CaiError[] = [];
  for (const { collateral, about, update = "standard" } of sets) {
    try {
      const facts = authenticateCollateral(collateral, about?.tee ?? "tdx", anchors, cache);
      good.push({ collateral, facts, update, origin: path, fetched: facts.tcbInfo.issued });
    } catch (error) {
      refused.push(CaiError.from(error));
    }
  }
  return { sets: good, refused };
}

const DAY = 86_400;

/** Sets as a table for a terminal. */
export function summaryTable(rows: readonly CollateralSummary[]): string {
  if (rows.length === 0) return "no collateral";
  const head = ["TEE", "FMSPC", "CA", "EDITION", "NUMBER", "TCB DATE", "ISSUED", "EXPIRES", "FROM"];
  const lines = rows.map((row) => [
    row.simulated ? `${row.tee} (simulated)` : row.tee,
    row.fmspc,
    row.ca,
    `${row.update}`,
    row.tcb_evaluation_number === row.qe_evaluation_number
      ? `${row.tcb_evaluation_number}`
      : `${row.tcb_evaluation_number}/${row.qe_evaluation_number}`,
    row.tcb_date.slice(0, 10),
    `${row.issued.slice(0, 10)} (${daysOf(row.age_seconds)})`,
    row.expired ? `${row.expires} EXPIRED` : row.expires,
    row.origin,
  ]);
  const problems = rows.flatMap(({ tee, fmspc, problem }) =>
    problem === null ? [] : [`${tee} ${fmspc} could not be renewed: ${problem}`],
  );
  return [formatTable([head, ...lines]), ...problems].join("\n");
}

function daysOf(seconds: number): string {
  const days = Math.floor(seconds / DAY);
  return days === 1 ? "1 day" : `${days} days`;
}
