import { CaiError, type Logger } from "../../system/index.ts";
import type { ParsedTrusteeSettings } from "./settings.ts";
import type { Store } from "./store/index.ts";
import { openTlsAuthority } from "./tls-authority.ts";
import { readTlsFiles, type TlsFiles, type TlsMaterial, tlsFilesState } from "./tls-material.ts";
import { tlsNames } from "./tls-names.ts";

/** How often files are looked at, and whether a certificate is to be renewed, milliseconds. */
const LOOK_MS = 1000;
/** A certificate of the trustee's own is renewed when a third of its life is left, seconds. */
const RENEW_BEFORE = 30 * 86_400;

/** The certificate that a trustee shows, and what renews it. */
export interface TlsKeeper {
  readonly current: TlsMaterial;
  /** PEM of the authority that agents are to trust, where it is the trustee's own */
  readonly ca: string | undefined;
  /** Renews the certificate now: reads the files again, or makes one with the names that the machine has now. */
  renew(): void;
  /** Looks for changes no more. */
  close(): void;
}

export interface TlsKeeperParts {
  readonly store: Store;
  readonly clock: () => number;
  readonly logger: Logger;
  /** Puts a new certificate in place. What it throws keeps the one before. */
  readonly replace: (tls: TlsMaterial) => void;
  /** told whether a renewal was put in place */
  readonly outcome: (done: boolean) => void;
}

/**
 * Opens what a trustee's TLS servers show: the operator's files, which are read again when they change, or a certificate of its own.
 *
 * @throws CaiError `cli.input-unreadable`, `trustee.tls-invalid`, `store.…`
 */
export async function openTlsKeeper(settings: ParsedTrusteeSettings, parts: TlsKeeperParts): Promise<TlsKeeper> {
  const { tls: files } = settings;
  if (files !== undefined) return keeper(fileSource(files), parts);
  const authority = await openTlsAuthority(parts.store, parts.clock());
  const names = () => tlsNames(settings.tlsNames, settings.listen);
  const source: TlsSource = {
    ca: authority.ca,
    due: ({ notAfter }) => notAfter - parts.clock() < RENEW_BEFORE,
    make: () => authority.issue(names(), parts.clock()),
  };
  return keeper(source, parts);
}

interface TlsSource {
  readonly ca: string | undefined;
  due(current: TlsMaterial): boolean;
  make(): TlsMaterial;
}

function fileSource(files: TlsFiles): TlsSource {
  let read = "";
  return {
    ca: undefined,
    due: () => tlsFilesState(files) !== read,
    make() {
      // Noted first, so that a change while they are read is seen the next time; and what is broken is complained of once.
      read = tlsFilesState(files);
      return readTlsFiles(files);
    },
  };
}

function keeper(source: TlsSource, { clock, logger, replace, outcome }: TlsKeeperParts): TlsKeeper {
  let current = source.make();
  const renew = () => {
    try {
      const next = source.make();
      if (next.certificate === current.certificate && next.key === current.key) return;
      replace(next);
      current = next;
      outcome(true);
      logger.info("TLS certificate replaced", { pin: next.pin, until: new Date(next.notAfter * 1000).toISOString() });
    } catch (thrown) {
      const error = CaiError.from(thrown);
      outcome(false);
      logger.error("TLS certificate not replaced, the one before stays", { error: error.id, reason: error.message });
    }
  };
  let complainedOf: TlsMaterial | undefined;
  const look = () => {
    if (source.due(current)) renew();
    if (current.notAfter > clock() || complainedOf === current) return;
    complainedOf = current;
    logger.warn("the TLS certificate has expired, clients refuse it", { until: new Date(current.notAfter * 1000).toISOString() });
  };
  look();
  const timer = setInterval(look, LOOK_MS);
  timer.unref();
  return {
    get current() {
      return current;
    },
    ca: source.ca,
    renew,
    close: () => clearInterval(timer),
  };
}
