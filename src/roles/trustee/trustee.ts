import { resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { DEFAULT_HASH, type HashAlgorithm } from "../../protocol/index.ts";
import { CaiError, requestLogger } from "../../system/index.ts";
import { type Verifier, VerifierPool } from "../../tee/index.ts";
import { sampleDeviceVerifier, sampleVerifier } from "../../tee/sample/index.ts";
import { builtInAnchors, type CollateralCache, VerificationCache } from "../../tee/tdx/index.ts";
import { AdministratorCheck } from "./administrators.ts";
import { createApplication, Work } from "./application.ts";
import { Challenges } from "./as/challenges.ts";
import { MAX_APPRAISALS } from "./as/routes.ts";
import { AttestationPolicyInForce } from "./attestation-policy.ts";
import { TrustedProxies } from "./client-address.ts";
import { ClientLimits } from "./client-limits.ts";
import { forgetExpired } from "./clock.ts";
import { localSurroundings, openCollateral } from "./collateral.ts";
import { lockPlace, openData, storePlace } from "./data.ts";
import { Denials } from "./denial.ts";
import { Handshakes } from "./handshake.ts";
import { loadTrusteeKeys, type TrusteeKeys } from "./identity.ts";
import { initTrustee, wallClock } from "./init.ts";
import type { ListenAddress } from "./listen-address.ts";
import { MeasuredRecorder } from "./measured-recorder.ts";
import { memoryKeeper } from "./memory.ts";
import { Metrics } from "./metrics.ts";
import { Nonces } from "./nonce.ts";
import { OlderSessionIds } from "./older-session.ts";
import { healthRoutes } from "./operation-routes.ts";
import { MAX_ATTESTS } from "./rcar-routes.ts";
import { Readiness } from "./readiness.ts";
import { Realms } from "./realm.ts";
import type { Recorder } from "./recorder.ts";
import { ReferenceUsage } from "./reference-usage.ts";
import { routerTable } from "./router.ts";
import { drain, listen, type Server } from "./server.ts";
import { type ParsedTrusteeSettings, parseTrusteeSettings, speaksTls, type TrusteeSettings } from "./settings.ts";
import { readAnchor, requireProduction } from "./simulated-anchors.ts";
import { type Store, storeExists, type World } from "./store/index.ts";
import { switchesInForce } from "./switches.ts";
import { spellingsOf } from "./tee-class.ts";
import { openTlsKeeper, type TlsKeeper, type TlsKeeperParts } from "./tls-keeper.ts";
import { upkeep } from "./upkeep.ts";

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
   * @returns the addresses, with the ports that were taken; `url` is the first
   * @throws CaiError `trustee.listen-failed`
   */
  start(): Promise<Addresses>;
  /** Puts a new TLS certificate in place, where there is one. Nobody is cut off, and what cannot be used changes nothing. */
  reload(): void;
  /**
   * Says that it is not ready, finishes what is under way, then closes everything, also where `start` was never called.
   *
   * @param hurry  aborted where nothing is to be waited for any more
   */
  stop(hurry?: AbortSignal): Promise<void>;
}

/** Where a trustee listens. */
export interface Addresses {
  readonly url: string;
  readonly urls: readonly string[];
  /** `spki:sha256:…`, where TLS is spoken */
  readonly tlsPin?: string;
  /** where metrics are, apart from the rest */
  readonly metricsUrl?: string;
}

/**
 * Opens a trustee. A data directory without a store becomes a production one, unless the store is to be in a database server, as `initTrustee` makes it.
 *
 * @throws CaiError `trustee.data-in-use`, `trustee.tls-required`, `trustee.tls-invalid`, `trustee.simulated-anchor`, `trustee.simulated-evidence`,
 *   `trustee.collateral-unreadable`,
 *   `cli.setting-invalid`, `store.…`, and what {@link initTrustee} throws
 */
export async function createTrustee({
  logger: plainLogger,
  clock = wallClock,
  surroundings = localSurroundings(),
  keySurroundings,
  ...rest
}: TrusteeSettings): Promise<Trustee> {
  const settings = parseTrusteeSettings(rest);
  const { compat: family, protocolVersions: versions } = settings;
  const logger = requestLogger(plainLogger);
  const proxies = new TrustedProxies(settings.trustedProxies);
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
    const metrics = new Metrics(verifiers.keys());
    const recorder = new MeasuredRecorder(store, logger, metrics, switchesInForce(settings));
    const realms = new Realms(store);
    const usage = new ReferenceUsage(store);
    const collateralState = () => stateOf(collateral.cache, clock());
    const certificateEnd = () => tls?.current.notAfter;
    const answered = (seconds: number) => metrics.storeAnswered(seconds);
    const readiness = new Readiness({ store, clock, collateral: collateralState, certificateEnd, answered });
    const servers: Server[] = [];
    const tls = await openTls(settings, {
      store,
      clock,
      logger,
      replace: (material) => {
        for (const server of servers) server.replaceTls(material);
      },
      outcome: (done) => metrics.tlsReloaded(done),
    });
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
      realms,
      denials: new Denials(store),
      usage,
      family,
      versions,
      collateralGraceSeconds: settings.collateralGraceSeconds,
      challenges: new Challenges(store),
      tokenType: settings.tokenType,
      issuerName: settings.issuerName,
      logger,
      operation: { readiness, metrics, ca: () => tls?.ca },
    });
    const administrators = new AdministratorCheck(store, keys.tid, logger);
    const legacyOpen = settings.legacyOpenAttestationPolicy;
    if (legacyOpen) {
      logger.warn("everybody may read attestation policies and the names of secrets: legacy-open-attestation-policy", { legacyOpen });
    }
    const limits = new ClientLimits(settings.clientRates, settings.clientConcurrent);
    const work = new Work();
    const parts = { keys, administrators, realms, legacyOpen, recorder, logger, clock, proxies, limits, metrics, family };
    const application = createApplication(parts, routes, work);
    const unwatch = metrics.watch({
      requests: () => work.load,
      clients: () => limits.size,
      verification: () => ({ threads: pool.threads, waiting: pool.waiting }),
      collateral: collateralState,
      certificateEnd,
      clock,
    });
    const open = (address: ListenAddress, served = application) => {
      const material = tls !== undefined && speaksTls(address, settings) ? { tls: tls.current } : {};
      const server = listen(address, served, { ...material, tlsMin: settings.tlsMin });
      servers.push(server);
      return server.url;
    };
    const start = (): Addresses => {
      const urls = settings.listen.map((address) => open(address));
      const health = createApplication(parts, healthRoutes({ readiness, metrics }, "public"), work);
      const metricsUrl = settings.metricsListen && open(settings.metricsListen, health);
      return {
        url: urls[0]!,
        urls,
        ...(urls.some((url) => url.startsWith("https:")) && tls !== undefined && { tlsPin: tls.current.pin }),
        ...(metricsUrl !== undefined && { metricsUrl }),
      };
    };
    const halt = () => {
      tls?.close();
      unwatch();
      collateral.close();
      pool.stop();
    };
    return running(store, keys, {
      servers,
      start,
      reload: () => tls?.renew(),
      readiness,
      drainDelayMs: settings.drainDelaySeconds * 1000,
      usage,
      recorder,
      logger,
      clock,
      halt,
      release: () => lock?.release(),
    });
  } catch (error) {
    await store?.close();
    lock?.release();
    throw error;
  }
}

/** @returns what renews the certificate, where any address speaks TLS */
async function openTls(settings: ParsedTrusteeSettings, parts: TlsKeeperParts): Promise<TlsKeeper | undefined> {
  const { listen: addresses, metricsListen } = settings;
  const all = metricsListen === undefined ? addresses : [...addresses, metricsListen];
  return all.some((address) => speaksTls(address, settings)) ? openTlsKeeper(settings, parts) : undefined;
}

/** How current the collateral is that is kept. */
async function stateOf(cache: CollateralCache, now: number) {
  const facts = (await cache.list()).map((set) => set.facts);
  return {
    sets: facts.length,
    expired: facts.filter(({ expires }) => now > expires).length,
    oldestIssue: facts.length === 0 ? undefined : Math.min(...facts.map(({ tcbInfo }) => tcbInfo.issued)),
  };
}

interface RunningParts extends Pick<Required<TrusteeSettings>, "logger" | "clock"> {
  /** those that listen */
  readonly servers: Server[];
  readonly start: () => Addresses;
  readonly reload: () => void;
  readonly readiness: Readiness;
  readonly usage: ReferenceUsage;
  readonly recorder: Recorder;
  readonly drainDelayMs: number;
  readonly halt: () => void;
  readonly release: () => void;
}

function running(store: Store, { tid, tokens }: TrusteeKeys, parts: RunningParts): Trustee {
  const { logger, clock, servers, readiness, usage, recorder } = parts;
  let pruning: ReturnType<typeof setInterval> | undefined;
  const prune = upkeep(
    () => Promise.all([forgetExpired(store, clock()), tokens.forget(clock()), usage.flush(clock()), recorder.settle(clock())]),
    logger,
  );
  let stopped: Promise<void> | undefined;
  const stop = async (hurry: AbortSignal | undefined) => {
    clearInterval(pruning);
    readiness.drain();
    if (servers.length > 0) await delay(parts.drainDelayMs, undefined, { ...(hurry && { signal: hurry }) }).catch(() => undefined);
    // What is fetched beside requests would find no store to keep it in, and a verification none to record its end in.
    await drain(servers, parts.halt, undefined, hurry);
    await usage.flush(clock()).catch(() => undefined);
    await recorder.settle(clock(), true).catch((error) => logger.error("record failed", { error: CaiError.from(error).id }));
    await store.close();
    parts.release();
  };
  return {
    tid,
    world: store.world,
    async start() {
      const addresses = parts.start();
      const keepSmall = memoryKeeper();
      pruning = setInterval(() => {
        void prune();
        keepSmall();
      }, PRUNE_EVERY_MS);
      const { urls, tlsPin, metricsUrl } = addresses;
      logger.info("trustee listens", { url: urls.join(" "), world: store.world, tid: `tid:${tid}`, tls: tlsPin, metrics: metricsUrl });
      return addresses;
    },
    reload: parts.reload,
    stop: (hurry) => {
      stopped ??= stop(hurry);
      return stopped;
    },
  };
}

/**
 * The platforms that a session may be opened for. Gateways of the openanolis family take a trustee for healthy only where it opens one for `sample`
 * (trustee.md §8.1): the challenge gives nothing away, and attest refuses the evidence of a platform that has no verifier.
 */
function handshakePlatforms(verifiers: ReadonlyMap<string, Verifier>): ReadonlyMap<string, HashAlgorithm> {
  const verified = [...verifiers].map(([tee, { runtimeDataHash = DEFAULT_HASH }]) => [tee, runtimeDataHash] as const);
  return new Map([["sample", DEFAULT_HASH], ...verified]);
}
