import { availableParallelism } from "node:os";
import { z } from "zod";
import { OLDER_VERSIONS, PEER_FAMILIES, PROTOCOL_VERSION, type ProtocolVersion } from "../../protocol/index.ts";
import { CaiError, type Logger } from "../../system/index.ts";
import type { CollateralSurroundings } from "./collateral.ts";
import { formatListenAddress, isPrivate, type ListenAddress } from "./listen-address.ts";
import type { KeySurroundings } from "./store/index.ts";

/** The longest grace for expired collateral, seconds: 30 days (security.md §4, F3). */
const MAX_COLLATERAL_GRACE = 30 * 86_400;

/** More threads than this verify more than the rest of a trustee can answer. */
export const MAX_VERIFY_WORKERS = 64;

/** Addresses that one trustee listens on at most. */
const MAX_ADDRESSES = 16;

const port = z.int().min(0).max(65_535);
const listenAddress = z.union([
  z.strictObject({ unix: z.string().min(1) }),
  z.strictObject({ scheme: z.enum(["http", "https"]).optional(), host: z.string().min(1), port }),
]) as z.ZodType<ListenAddress, ListenAddress>;

/** A second of one client; the bursts that it may have are ten times as much. */
const rate = z.int().min(1).max(1_000_000);

/** What may be set of a trustee. */
export const trusteeSettingsSchema = z.strictObject({
  dataDir: z.string().min(1),
  /** where the store's master key is: `file:PATH`, `credential:NAME`, `passphrase[:FILE]`; default: what is there */
  masterKey: z.string().min(1).max(4096).optional(),
  /** where the store is, `sqlite:PATH` or `postgres://…`; default: `trustee.db` in the data directory */
  store: z.string().min(1).max(4096).optional(),
  /** a name or address; without brackets around IPv6 */
  host: z.string().min(1).default("127.0.0.1"),
  /** 0 takes a free one */
  port: port.default(8080),
  /** where to listen, instead of that one host and port; every address carries every route */
  listen: z.array(listenAddress).min(1).max(MAX_ADDRESSES).optional(),
  /** where metrics and the checks of health are answered to whoever asks, and nothing else is */
  metricsListen: listenAddress.optional(),
  /** PEM files, read again when they change: the certificate chain, leaf first, and its private key */
  tls: z.strictObject({ certificate: z.string().min(1), key: z.string().min(1) }).optional(),
  /** `as-needed`: the trustee certifies itself on addresses that others can reach, where it is given no certificate; `auto`: on loopback, too */
  tlsMode: z.enum(["as-needed", "auto"]).default("as-needed"),
  /** what an automatic certificate names besides the machine's own names */
  tlsNames: z
    .array(z.string().regex(/^(?:[A-Za-z0-9.*_-]{1,253}|[0-9A-Fa-f:.]{2,45})$/, "a host name or an IP address"))
    .max(64)
    .default([]),
  /** the lowest version of TLS that is spoken */
  tlsMin: z.enum(["1.2", "1.3"]).default("1.2"),
  /** plain HTTP on an address that others can reach */
  insecureHttp: z.boolean().default(false),
  /** proxies whose `X-Forwarded-For` says whom limits count by and records name */
  trustedProxies: z.array(z.string().min(1)).max(64).default([]),
  /** what one client may do a second, on average */
  clientRates: z
    .strictObject({ auth: rate.default(1000), attest: rate.default(400), resource: rate.default(1000), "admin-failure": rate.default(5) })
    .prefault({}),
  /** requests of one client that are under way at a time */
  clientConcurrent: z.int().min(1).max(1024).default(512),
  /** how long a trustee that is to end still takes requests after it says that it is not ready, seconds */
  drainDelaySeconds: z.int().min(0).max(300).default(0),
  /** files with the root certificates of simulated platforms; the production roots are built in */
  trustAnchors: z.array(z.string().min(1)).max(16).default([]),
  /** take evidence that software makes up, for trying out clients; only in a simulated store (security.md I11) */
  acceptSample: z.boolean().default(false),
  /** a file of collateral, which comes before everything else; read again when it changes */
  collateral: z.string().min(1).optional(),
  /** where collateral is fetched, in this order; `none` for nowhere; without it, what the machine is set up for */
  collateralSource: z.string().min(1).max(4096).optional(),
  /** which edition of the manufacturer's documents is wanted */
  collateralUpdate: z.union([z.enum(["standard", "early"]), z.int().min(0).max(0xffffffff)]).default("standard"),
  /** PEM of the certificate authorities of sources that are named by address */
  collateralSourceCa: z.string().min(1).optional(),
  /** how long one request to a source may take; below the time after which our own clients are given up */
  collateralTimeoutSeconds: z.int().min(1).max(300).default(10),
  /** how long expired collateral is still taken, seconds */
  collateralGraceSeconds: z.int().min(0).max(MAX_COLLATERAL_GRACE).default(0),
  /** attestation policies and the names of secrets are read without a token, as upstream's consoles do (trustee.md §1.2) */
  legacyOpenAttestationPolicy: z.boolean().default(false),
  /** whose statuses, words and bodies answers have, where the two families of peers differ (trustee.md §1.12) */
  compat: z.enum(PEER_FAMILIES).default("openanolis"),
  /** the versions of the protocol that are spoken; 0.4.0 always is */
  protocolVersions: z
    .array(z.enum([PROTOCOL_VERSION, ...OLDER_VERSIONS]))
    .max(8)
    .default([])
    .transform((versions): ProtocolVersion[] => [PROTOCOL_VERSION, ...OLDER_VERSIONS.filter((version) => versions.includes(version))]),
  /** the form of the attestation service's tokens (trustee.md §5); the key broker's are EAR always */
  tokenType: z.enum(["ear", "simple"]).default("ear"),
  /** what those tokens say as `iss`, where the family's tokens of that form say it */
  issuerName: z.string().min(1).max(128).default("CoCo-Attestation-Service"),
  /** threads that verify evidence at most; default: one less than the machine has cores, so that requests are still answered */
  verifyWorkers: z
    .int()
    .min(1)
    .max(MAX_VERIFY_WORKERS)
    .default(() => Math.min(MAX_VERIFY_WORKERS, Math.max(1, availableParallelism() - 1))),
});

/** The settings, and what the role takes from its surroundings. */
export type TrusteeSettings = z.input<typeof trusteeSettingsSchema> & {
  readonly logger: Logger;
  /** seconds since 1970; default: the machine's clock */
  readonly clock?: () => number;
  /** what collateral is fetched with, and what says where from; default: this machine's */
  readonly surroundings?: CollateralSurroundings;
  /** what of the process a master key may come from; default: nothing */
  readonly keySurroundings?: KeySurroundings;
};

type Parsed = z.output<typeof trusteeSettingsSchema>;

/** The settings of a trustee, with its addresses in one list. */
export type ParsedTrusteeSettings = Parsed & { readonly listen: readonly ListenAddress[] };

/** @throws CaiError `cli.setting-invalid`, naming the setting; `trustee.tls-required` */
export function parseTrusteeSettings(settings: unknown): ParsedTrusteeSettings {
  const result = trusteeSettingsSchema.safeParse(settings);
  if (!result.success) {
    const issue = result.error.issues[0];
    throw new CaiError("cli.setting-invalid", `/${issue?.path.join("/") ?? ""}: ${issue?.message ?? "cannot be used"}`);
  }
  const { host, port, listen = [{ host, port }], metricsListen } = result.data;
  for (const address of metricsListen === undefined ? listen : [...listen, metricsListen]) requireSafe(address, result.data);
  return { ...result.data, listen };
}

/** @returns whether TLS is spoken on an address: where its operator says so or there is a certificate, and wherever others can connect */
export function speaksTls(
  address: ListenAddress,
  { tls, tlsMode, insecureHttp }: Pick<Parsed, "tls" | "tlsMode" | "insecureHttp">,
): boolean {
  if ("unix" in address) return false;
  if (address.scheme !== undefined) return address.scheme === "https";
  return tls !== undefined || tlsMode === "auto" || !(isPrivate(address) || insecureHttp);
}

function requireSafe(address: ListenAddress, settings: Parsed): void {
  if (isPrivate(address) || speaksTls(address, settings) || settings.insecureHttp) return;
  const text = formatListenAddress(address);
  throw new CaiError("trustee.tls-required", `${text} can be reached by others, and is said to have no TLS`, {
    expected: "https, a loopback address, or a word that something in front of it speaks TLS",
    got: text,
  });
}
