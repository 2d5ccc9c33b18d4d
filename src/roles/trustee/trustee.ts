import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { DEFAULT_HASH, type HashAlgorithm } from "../../protocol/index.ts";
import { CaiError } from "../../system/index.ts";
import { type TrustAnchor, type Verifier, VerifierPool } from "../../tee/index.ts";
import { sampleDeviceVerifier, sampleVerifier } from "../../tee/sample/index.ts";
import { builtInAnchors, loadAnchors, VerificationCache } from "../../tee/tdx/index.ts";
import { AdministratorCheck } from "./administrators.ts";
import { createApplication } from "./application.ts";
import { Challenges } from "./as/challenges.ts";
import { MAX_APPRAISALS } from "./as/routes.ts";
import { AttestationPolicyInForce } from "./attestation-policy.ts";
import { forgetExpired } from "./clock.ts";
import { localSurroundings, openCollateral } from "./collateral.ts";
import { lockPlace, openData, storePlace } from "./data.ts";
import { Denials } from "./denial.ts";
import { Handshakes } from "./handshake.ts";
import { loadTrusteeKeys, type TrusteeKeys } from "./identity.ts";
import { initTrustee, wallClock } from "./init.ts";
import { Nonces } from "./nonce.ts";
import { OlderSessionIds } from "./older-session.ts";
import { MAX_ATTESTS } from "./rcar-routes.ts";
import { Realms } from "./realm.ts";
import { Recorder } from "./recorder.ts";
import { ReferenceUsage } from "./reference-usage.ts";
import { routerTable } from "./router.ts";
import { listen } from "./server.ts";
import { parseTrusteeSettings, type TrusteeSettings } from "./settings.ts";
import { type Store, storeExists, type World } from "./store/index.ts";
import { spellingsOf } from "./tee-class.ts";

/** How often expired rows are removed, milliseconds. */
const PRUNE_EVERY_MS = 1000;

/** A trustee over one data directory. */
export interface Trustee {
  /** without the prefix `tid:` */
  readonly tid: string;
  readonly world: World;
  /**
   * Listens.
   *
   * @returns the address, with the port that was taken
   * @throws CaiError `trustee.listen-failed`
   */
  start(): Promise<{ readonly url: string }>;
  /** Finishes what is under way, then closes everything, also where `start` was never called. */
  stop(): Promise<void>;
}

/**
 * Opens a trustee. A data directory without a store becomes a production one, unless the store is to be in a database server, as `initTrustee` makes it.
 *
 * @throws CaiError `trustee.data-in-use`, `trustee.tls-required`, `trustee.simulated-anchor`, `trustee.simulated-evidence`,
 *   `trustee.collateral-unreadable`,
 *   `cli.setting-invalid`, `store.…`, and what {@link initTrustee} throws
 */
export async function createTrustee({
  logger,
  clock = wallClock,
  surroundings = localSurroundings(),
  keySurroundings,
  ...rest
}: TrusteeSettings): Promise<Trustee> {
  const settings = parseTrusteeSettings(rest);
  const { compat: family, protocolVersions: versions } = settings;
  const dataDir = resolve(settings.dataDir);
  const request = { dataDir, store: settings.store, masterKey: settings.masterKey, keySurroundings };
  const simulatedAnchors = settings.trustAnchors.map(readAnchor);
  const place = storePlace(request);
  // An empty database is more likely the wrong one than a new trustee's.
  if (place.kind === "sqlite" && !(await storeExists(place))) {
    requireProduction(simulatedAnchors, settings.acceptSample);
    await initTrustee({ ...request, simulated: false, clock });
  }
  const lock = lockPlace(request);
  let store: Store | undefined;
  try {
    ({ store } = await openData(request, { servingFrom: clock(), settle: true }));
    if (store.world === "production") requireProduction(simulatedAnchors, settings.acceptSample);
    const keys = await loadTrusteeKeys(store, settings.compat);
    await keys.tokens.forget(clock());
    const anchors = [...builtInAnchors(), ...simulatedAnchors];
    const collateral = openCollateral(settings, { store, anchors, verified: new VerificationCache(), logger, clock, surroundings });
    const pool = new VerifierPool({
      verifiers: { tdx: { collateral: collateral.source, expired: "report" } },
      workers: settings.verifyWorkers,
      waiting: MAX_ATTESTS + MAX_APPRAISALS,
    });
    const samples = settings.acceptSample ? [sampleVerifier, sampleDeviceVerifier] : [];
    if (settings.acceptSample) logger.warn("sample evidence is accepted: it proves nothing, and whoever asks can make it up");
    const verifiers = new Map<string, Verifier>([...pool.verifiers, ...samples.map((verifier) => [verifier.tee, verifier] as const)]);
    const recorder = new Recorder(store, logger);
    const realms = new Realms(store);
    const usage = new ReferenceUsage(store);
    const routes = routerTable({
      store,
      keys,
      handshakes: new Handshakes({
        nonces: new Nonces(store.nonceKey, keys.tid, store.epoch),
        store,
        tid: keys.tid,
        platforms: handshakePlatforms(verifiers),
        versions,
        olderSessions: new OlderSessionIds(store.nonceKey, store.epoch, [...handshakePlatforms(verifiers).keys()].flatMap(spellingsOf)),
      }),
      verifiers,
      anchors,
      collateral: collateral.cache,
      policy: new AttestationPolicyInForce(store),
      recorder,
      family,
      versions,
      realms,
      denials: new Denials(store),
      usage,
      collateralGraceSeconds: settings.collateralGraceSeconds,
      challenges: new Challenges(store),
      tokenType: settings.tokenType,
      issuerName: settings.issuerName,
      logger,
    });
    const administrators = new AdministratorCheck(store, keys.tid, logger);
    const legacyOpen = settings.legacyOpenAttestationPolicy;
    if (legacyOpen) {
      logger.warn("everybody may read attestation policies and the names of secrets: legacy-open-attestation-policy", { legacyOpen });
    }
    const tls = settings.tls !== undefined;
    const application = createApplication({ keys, administrators, realms, legacyOpen, recorder, logger, clock, tls, family }, routes);
    const halt = () => {
      collateral.close();
      pool.stop();
    };
    return running(store, keys, () => listen(settings, application), { logger, clock, usage, halt, release: () => lock?.release() });
  } catch (error) {
    await store?.close();
    lock?.release();
    throw error;
  }
}

function running(
  store: Store,
  { tid, tokens }: TrusteeKeys,
  open: () => ReturnType<typeof listen>,
  {
    logger,
    clock,
    usage,
    halt,
    release,
  }: Pick<Required<TrusteeSettings>, "logger" | "clock"> & { usage: ReferenceUsage; halt: () => void; release: () => void },
): Trustee {
  let server: ReturnType<typeof listen> | undefined;
  let pruning: ReturnType<typeof setInterval> | undefined;
  let stopped: Promise<void> | undefined;
  const stop = async () => {
    clearInterval(pruning);
    // What is fetched beside requests would find no store to keep it in, and a verification none to record its end in.
    if (server === undefined) halt();
    else await server.drain(halt);
    await usage.flush(clock()).catch(() => undefined);
    await store.close();
    release();
  };
  return {
    tid,
    world: store.world,
    async start() {
      server = open();
      pruning = setInterval(() => {
        Promise.all([forgetExpired(store, clock()), tokens.forget(clock())]).catch((error) =>
          logger.error("pruning failed", { error: CaiError.from(error).id }),
        );
        usage.flush(clock()).catch((error) => logger.error("counting failed", { error: CaiError.from(error).id }));
      }, PRUNE_EVERY_MS);
      logger.info("trustee listens", { url: server.url, world: store.world, tid: `tid:${tid}` });
      return { url: server.url };
    },
    stop: () => {
      stopped ??= stop();
      return stopped;
    },
  };
}

function readAnchor(path: string): TrustAnchor {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    throw new CaiError("cli.input-unreadable", `cannot read the trust anchor ${path}`, {
      got: (error as NodeJS.ErrnoException).code ?? String(error),
    });
  }
  // Production roots are built in and nothing adds one (security.md I13), so whatever is named is taken as a simulated platform's.
  return loadAnchors(bytes, true);
}

/**
 * The platforms that a session may be opened for. Gateways of the openanolis family take a trustee for healthy only where it opens one for `sample`
 * (trustee.md §8.1): the challenge gives nothing away, and attest refuses the evidence of a platform that has no verifier.
 */
function handshakePlatforms(verifiers: ReadonlyMap<string, Verifier>): ReadonlyMap<string, HashAlgorithm> {
  const verified = [...verifiers].map(([tee, { runtimeDataHash = DEFAULT_HASH }]) => [tee, runtimeDataHash] as const);
  return new Map([["sample", DEFAULT_HASH], ...verified]);
}

function requireProduction(simulated: readonly TrustAnchor[], acceptSample: boolean): void {
  if (acceptSample) {
    throw new CaiError("trustee.simulated-evidence", "a production trustee was told to take sample evidence", {
      hint: "Leave --accept-sample out, or make a simulated trustee with `cai trustee init --simulated`.",
    });
  }
  if (simulated.length === 0) return;
  throw new CaiError("trustee.simulated-anchor", "a production trustee was given the trust anchor of a simulated platform", {
    hint: "Leave the anchor out, or make a simulated trustee with `cai trustee init --simulated`.",
  });
}
