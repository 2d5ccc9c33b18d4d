import { CaiError, type HttpClient } from "../../../system/index.ts";
import type { TrustAnchor } from "../../tee.ts";
import { VerificationCache } from "../cache.ts";
import type { Collateral } from "../collateral.ts";
import type { CollateralRequest, CollateralSource } from "../collateral-source.ts";
import { authenticateCollateral, type CollateralFacts, requireSubject } from "./authentic.ts";
import { type FileSet, fittingSets } from "./file.ts";
import type { CollateralOrigin } from "./origin.ts";
import { type CollateralUpdate, fetchCollateral, probeService } from "./pcs.ts";

/** What getting collateral works with; all of it comes from the role. */
export interface CollateralAccess {
  /** asks services; made by {@link collateralClient}, or a fake */
  readonly client: HttpClient;
  /** reads a file of collateral, as {@link parseCollateralFile} gives it; may throw CaiError */
  readonly readFile: (path: string) => readonly FileSet[];
  /** the roots that collateral may lead to */
  readonly anchors: readonly TrustAnchor[];
  /** seconds since 1970; a set that is past its date is taken only where no origin has a better one */
  readonly now: () => number;
  /** default: `standard` */
  readonly update?: CollateralUpdate;
  /** share it with the verifier, and each signature is checked once */
  readonly cache?: VerificationCache;
  readonly signal?: AbortSignal;
}

/** A verified set of collateral. */
export interface ObtainedCollateral {
  readonly collateral: Collateral;
  readonly facts: CollateralFacts;
  /** the name of where it came from */
  readonly origin: string;
}

/** What a request must say; without an anchor, any of the anchors will do. */
export type ObtainRequest = Pick<CollateralRequest, "tee" | "fmspc" | "ca"> & Partial<Pick<CollateralRequest, "anchor" | "simulated">>;

/** Why one origin gave nothing. */
export interface OriginFailure {
  readonly origin: string;
  readonly error: CaiError;
}

/**
 * A source that asks origins in their order, each time anew, for whoever verifies a few quotes and keeps nothing.
 *
 * @returns a source that throws as {@link obtainCollateral}
 */
export function collateralFrom(origins: readonly CollateralOrigin[], access: CollateralAccess): CollateralSource {
  return async (request) => (await obtainCollateral(origins, request, access)).collateral;
}

/**
 * Gets a set from the first origin that has one which the manufacturer signed, for this platform. Whatever is wrong with an origin's answer, the next is
 * asked for the whole set (tdx.md §2.8).
 *
 * @param accept  looks at a verified set and may throw CaiError, which makes it a failure of its origin
 * @throws CaiError `tdx.collateral-unavailable`, naming every origin and what was wrong there; where it was the same everywhere and no matter of the
 *                  network, that error's id: `tdx.collateral-unknown`, `tdx.collateral-rolled-back`, a reason of verification
 */
export async function obtainCollateral(
  origins: readonly CollateralOrigin[],
  request: ObtainRequest,
  access: CollateralAccess,
  accept: (facts: CollateralFacts) => void = () => undefined,
): Promise<ObtainedCollateral> {
  const failures: OriginFailure[] = [];
  let late: ObtainedCollateral | undefined;
  const shared = { ...access, cache: access.cache ?? new VerificationCache() };
  for (const origin of origins) {
    try {
      const obtained = await ask(origin, request, shared);
      accept(obtained.facts);
      if (obtained.facts.expires >= access.now()) return obtained;
      late ??= obtained;
    } catch (error) {
      access.signal?.throwIfAborted();
      if (!(error instanceof CaiError)) throw error;
      failures.push({ origin: origin.name, error });
    }
  }
  if (late !== undefined) return late;
  throw unavailable(described(request), failures);
}

async function ask(
  origin: CollateralOrigin,
  request: ObtainRequest,
  access: CollateralAccess & { cache: VerificationCache },
): Promise<ObtainedCollateral> {
  const { update = "standard" } = access;
  const sets =
    origin.kind === "file"
      ? fittingSets(access.readFile(origin.path), request, update)
      : [{ collateral: await fetchFrom(origin, request, access) }];
  let failure: unknown;
  for (const { collateral } of sets) {
    try {
      const facts = authenticateCollateral(collateral, request.tee, access.anchors, access.cache);
      requireSubject(facts, request);
      return { collateral, facts, origin: origin.name };
    } catch (error) {
      failure ??= error;
    }
  }
  throw failure ?? new CaiError("tdx.collateral-unknown", "no set of the file is for this kind of platform");
}

async function fetchFrom(
  origin: CollateralOrigin & { kind: "service" },
  request: ObtainRequest,
  access: CollateralAccess,
): Promise<Collateral> {
  // A simulated platform is no business of the manufacturer's, and its FMSPC tells what somebody tries out.
  if (request.simulated === true && origin.vendor) throw new CaiError("tdx.collateral-unknown", "a simulated platform is unknown here");
  return fetchCollateral(origin, request, access);
}

const described = ({ tee, fmspc, ca }: ObtainRequest): string => `${tee.toUpperCase()} collateral for FMSPC ${fmspc} (${ca} CA)`;

/** The error of origins that all failed. @param what  what was asked for */
export function unavailable(what: string, failures: readonly OriginFailure[]): CaiError {
  const [first] = failures;
  if (first === undefined) return new CaiError("tdx.collateral-unavailable", `no source of collateral is set that has ${what}`);
  const same = failures.every(({ error }) => error.id === first.error.id) && !/^(?:net|cli)\./.test(first.error.id);
  const reasons = failures.map(({ origin, error }) => `${origin}: ${error.id}: ${error.message}`).join("; ");
  return new CaiError(same ? first.error.id : "tdx.collateral-unavailable", `no source gave ${what}: ${reasons}`, { cause: first.error });
}

/** Whether an origin answers, for `cai doctor`: a service is asked for a small list, a file is read. */
export async function probeOrigin(
  origin: CollateralOrigin,
  access: Pick<CollateralAccess, "client" | "readFile" | "signal">,
): Promise<{ readonly origin: string; readonly error?: CaiError }> {
  try {
    if (origin.kind === "file") access.readFile(origin.path);
    else await probeService(origin, access);
    return { origin: origin.name };
  } catch (error) {
    access.signal?.throwIfAborted();
    return { origin: origin.name, error: CaiError.from(error) };
  }
}
