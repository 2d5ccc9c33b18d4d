import { CaiError, commitTime, type HttpClient, type Logger, readTextFileIfAny } from "../../system/index.ts";
import type { TrustAnchor } from "../../tee/index.ts";
import {
  CollateralCache,
  type CollateralOrigin,
  type CollateralSource,
  collateralClient,
  configuredOrigins,
  fileOrigin,
  metadataClient,
  type OriginSurroundings,
  type VerificationCache,
} from "../../tee/tdx/index.ts";
import { CollateralFiles } from "./collateral-file.ts";
import type { parseTrusteeSettings } from "./settings.ts";
import type { Store } from "./store/index.ts";

/** What a trustee's collateral comes through. */
export interface CollateralSurroundings extends OriginSurroundings {
  /** asks sources; default: a client of the program's own, with the limits of the settings */
  readonly client?: HttpClient;
  /** seconds of a clock that nobody sets; default: the process's */
  readonly elapsed?: () => number;
}

/** This machine. */
export const localSurroundings = (): CollateralSurroundings => ({
  environment: process.env,
  metadata: metadataClient(),
  readFile: readTextFileIfAny,
});

/** The collateral of a running trustee. */
interface TrusteeCollateral {
  readonly source: CollateralSource;
  readonly cache: CollateralCache;
  /** Gives up what is being fetched. */
  close(): void;
}

interface CollateralParts {
  readonly store: Store;
  readonly anchors: readonly TrustAnchor[];
  /** remembers what was verified on the way into the store */
  readonly verified: VerificationCache;
  readonly logger: Logger;
  readonly clock: () => number;
  readonly surroundings: CollateralSurroundings;
}

type Settings = ReturnType<typeof parseTrusteeSettings>;

/** The word for no source at all. */
const NOWHERE = "none";

/**
 * Opens the collateral of a trustee: the file where one is named, what the store keeps, and what can be fetched.
 *
 * @throws CaiError `cli.setting-invalid`, `trustee.collateral-unreadable`
 */
export function openCollateral(settings: Settings, parts: CollateralParts): TrusteeCollateral {
  const { store, anchors, verified, logger, clock, surroundings } = parts;
  const closing = new AbortController();
  const files = new CollateralFiles(logger);
  if (settings.collateral !== undefined) files.read(settings.collateral);
  const ca = settings.collateralSourceCa;
  const client = collateralClient({ timeoutSeconds: settings.collateralTimeoutSeconds, ...(ca !== undefined && { ca }) });
  const origins = chooseOrigins(settings, parts);
  const cache = new CollateralCache({
    shelf: store.collateral,
    access: {
      client: surroundings.client ?? client,
      readFile: (path) => files.read(path),
      anchors,
      now: clock,
      update: settings.collateralUpdate,
      cache: verified,
      signal: closing.signal,
    },
    origins,
    logger,
    elapsed: surroundings.elapsed ?? (() => performance.now() / 1000),
    ...(commitTime !== undefined && { made: commitTime }),
  });
  return {
    source: async (request) => {
      try {
        return await cache.collateral(request);
      } catch (error) {
        if (error instanceof CaiError && /^(?:tdx|sgx)\./.test(error.id) && (await origins()).length === 0) throw missing(error, store);
        throw error;
      }
    },
    cache,
    close: () => closing.abort(new CaiError("cli.interrupted", "the trustee is stopped")),
  };
}

/**
 * The file first, then what is fetched. With a file alone nothing is fetched, as its operator decided what there is; nor does a simulated trustee
 * fetch anything by itself, for the services of this world know no simulated platform and should not hear of one.
 */
function chooseOrigins(settings: Settings, { store, surroundings }: CollateralParts): () => Promise<readonly CollateralOrigin[]> {
  const { collateral, collateralSource } = settings;
  const file = collateral === undefined ? [] : [fileOrigin(collateral)];
  const byItself = collateral === undefined && store.world === "production";
  if (collateralSource === NOWHERE || (collateralSource === undefined && !byItself)) return async () => file;
  const configured = configuredOrigins(collateralSource, surroundings);
  return async () => [...file, ...(await configured.resolve())];
}

function missing(cause: CaiError, { world }: Store): CaiError {
  const simulated = world === "simulated";
  return new CaiError("trustee.collateral-missing", `${cause.message}, and none was imported`, {
    hint: simulated
      ? "Name the machine's file with --collateral, or the address of `cai sim tdx pccs` with --collateral-source."
      : "Name a source with --collateral-source, or import a file with `cai collateral import`.",
    cause,
  });
}
