import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { CaiError } from "../../system/index.ts";
import { type TrustAnchor, VerifierPool } from "../../tee/index.ts";
import { builtInAnchors, loadAnchors, VerificationCache } from "../../tee/tdx/index.ts";
import { AdministratorCheck } from "./administrators.ts";
import { createApplication } from "./application.ts";
import { AttestationPolicyInForce } from "./attestation-policy.ts";
import { forgetExpired } from "./clock.ts";
import { localSurroundings, openCollateral } from "./collateral.ts";
import { Handshakes } from "./handshake.ts";
import { loadTrusteeKeys } from "./identity.ts";
import { initTrustee, wallClock } from "./init.ts";
import { Nonces } from "./nonce.ts";
import { MAX_ATTESTS } from "./rcar-routes.ts";
import { Recorder } from "./recorder.ts";
import { routerTable } from "./router.ts";
import { listen } from "./server.ts";
import { parseTrusteeSettings, type TrusteeSettings } from "./settings.ts";
import { lockData, openStore, type Store, storeExists, type World } from "./store/index.ts";
import { switchesInForce } from "./switches.ts";

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
 * Opens a trustee. A data directory without a store becomes a production one, as `initTrustee` makes it.
 *
 * @throws CaiError `trustee.data-in-use`, `trustee.tls-required`, `trustee.simulated-anchor`, `trustee.collateral-unreadable`,
 *   `cli.setting-invalid`, `store.…`, and what {@link initTrustee} throws
 */
export async function createTrustee({
  logger,
  clock = wallClock,
  surroundings = localSurroundings(),
  ...rest
}: TrusteeSettings): Promise<Trustee> {
  const settings = parseTrusteeSettings(rest);
  const dataDir = resolve(settings.dataDir);
  const simulatedAnchors = settings.trustAnchors.map(readAnchor);
  if (!storeExists(dataDir)) {
    requireProductionAnchors(simulatedAnchors);
    await initTrustee({ dataDir, simulated: false, clock });
  }
  const lock = lockData(dataDir);
  let store: Store | undefined;
  try {
    store = openStore(dataDir, clock());
    if (store.world === "production") requireProductionAnchors(simulatedAnchors);
    const keys = await loadTrusteeKeys(store);
    const anchors = [...builtInAnchors(), ...simulatedAnchors];
    const collateral = openCollateral(settings, { store, anchors, verified: new VerificationCache(), logger, clock, surroundings });
    const pool = new VerifierPool({
      verifiers: { tdx: { collateral: collateral.source, expired: "report" } },
      workers: settings.verifyWorkers,
      waiting: MAX_ATTESTS,
    });
    const { verifiers } = pool;
    const recorder = new Recorder(store, logger, switchesInForce(settings));
    const routes = routerTable({
      store,
      keys,
      handshakes: new Handshakes(new Nonces(store.nonceKey, keys.tid, store.epoch), store, keys.tid, [...verifiers.keys()]),
      verifiers,
      anchors,
      collateral: collateral.cache,
      policy: new AttestationPolicyInForce(store),
      recorder,
      collateralGraceSeconds: settings.collateralGraceSeconds,
    });
    const administrators = new AdministratorCheck(store, keys.tid);
    const application = createApplication({ keys, administrators, recorder, logger, clock, tls: settings.tls !== undefined }, routes);
    const halt = () => {
      collateral.close();
      pool.stop();
    };
    return running(store, keys.tid, () => listen(settings, application), { logger, clock, recorder, halt, release: () => lock.release() });
  } catch (error) {
    await store?.close();
    lock.release();
    throw error;
  }
}

function running(
  store: Store,
  tid: string,
  open: () => ReturnType<typeof listen>,
  {
    logger,
    clock,
    recorder,
    halt,
    release,
  }: Pick<Required<TrusteeSettings>, "logger" | "clock"> & { recorder: Recorder; halt: () => void; release: () => void },
): Trustee {
  let server: ReturnType<typeof listen> | undefined;
  let pruning: ReturnType<typeof setInterval> | undefined;
  let stopped: Promise<void> | undefined;
  const stop = async () => {
    clearInterval(pruning);
    // What is fetched beside requests would find no store to keep it in, and a verification none to record its end in.
    if (server === undefined) halt();
    else await server.drain(halt);
    await recorder.settle(clock(), true).catch((error) => logger.error("record failed", { error: CaiError.from(error).id }));
    await store.close();
    release();
  };
  return {
    tid,
    world: store.world,
    async start() {
      server = open();
      pruning = setInterval(() => {
        const tidied = Promise.all([forgetExpired(store, clock()), recorder.settle(clock())]);
        tidied.catch((error) => logger.error("pruning failed", { error: CaiError.from(error).id }));
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

function requireProductionAnchors(simulated: readonly TrustAnchor[]): void {
  if (simulated.length === 0) return;
  throw new CaiError("trustee.simulated-anchor", "a production trustee was given the trust anchor of a simulated platform", {
    hint: "Leave the anchor out, or make a simulated trustee with `cai trustee init --simulated`.",
  });
}
