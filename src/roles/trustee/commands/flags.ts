import { join } from "node:path";
import { PEER_FAMILIES } from "../../../protocol/index.ts";
import type { FlagSpec, FlagValues } from "../../../system/index.ts";
import type { DataPlace } from "../data.ts";
import { MAX_VERIFY_WORKERS } from "../settings.ts";
import { redactStore } from "../store/place.ts";
import { keySurroundings } from "./key-surroundings.ts";

const LIMITS = "Limits (an address, or a /64 network of IPv6, counts as one client; programs of this machine are not limited)";

const limit = <const Default extends number>(what: string, perSecond: Default) =>
  ({
    kind: "number",
    value: "N",
    min: 1,
    max: 1_000_000,
    default: perSecond,
    about: `${what} of one client a second; ten times as many at once`,
    group: LIMITS,
  }) as const;

const DATA_FLAG = {
  kind: "text",
  value: "DIR",
  default: "./cai-trustee",
  about: "the trustee's data; its master key lies beside it as DIR.master",
} as const satisfies FlagSpec;

const MASTER_KEY_FLAG = {
  kind: "text",
  value: "WHERE",
  about:
    "the store's master key: file:PATH, credential:NAME (systemd), passphrase, passphrase:FILE or passphrase:credential:NAME; by default the credential cai-master-key where there is one, else DIR.master",
} as const satisfies FlagSpec;

const STORE_FLAG = {
  kind: "text",
  value: "URL",
  about:
    "where the store is: sqlite:PATH, by default DIR/trustee.db, or postgres://USER@HOST/DATABASE, which any number of trustees with one master key share; give an address with a password by the variable, as others see a command's arguments. Other hosts are asked for TLS and a certificate, by sslrootcert=FILE in the address, unless it says sslmode=disable",
  shown: redactStore,
} as const satisfies FlagSpec;

/** Where a trustee's data and master key are: for verbs that work on them while it is stopped, or beside it. */
export const PLACE_FLAGS = { data: DATA_FLAG, store: STORE_FLAG, "master-key": MASTER_KEY_FLAG } as const;

/** @returns the place that these flags name */
export function placeOf(flags: FlagValues<typeof PLACE_FLAGS>): DataPlace {
  return { dataDir: flags.data, store: flags.store, masterKey: flags["master-key"], keySurroundings: keySurroundings() };
}
/** TLS without a certificate of one's own, limits, and what watches a trustee. */
const OPERATION_FLAGS = {
  tls: {
    kind: "text",
    value: "MODE",
    default: "as-needed",
    oneOf: ["as-needed", "auto"],
    about:
      "without --tls-cert, the trustee certifies itself by an authority of its own: as-needed, on addresses that others can reach; auto, on loopback, too",
  },
  "tls-name": { kind: "list", value: "NAME", about: "a host name or address that such a certificate names besides those of this machine" },
  "tls-min": { kind: "text", value: "VERSION", default: "1.2", oneOf: ["1.2", "1.3"], about: "the lowest version of TLS that is spoken" },
  "metrics-listen": {
    kind: "text",
    value: "ADDRESS",
    about:
      "where metrics and health are answered to whoever asks, and nothing else is; without it, metrics are for programs of this machine",
  },
  "trusted-proxy": {
    kind: "list",
    noVariable: true,
    value: "RANGE",
    about: "a proxy (ADDRESS or ADDRESS/BITS) whose X-Forwarded-For says whom limits count by and records name",
  },
  "limit-auth": limit("handshakes", 1000),
  "limit-attest": limit("messages with evidence", 400),
  "limit-resource": limit("attested reads", 1000),
  "limit-admin-failures": limit("refused requests of administrators", 5),
  "limit-concurrent": {
    kind: "number",
    value: "N",
    min: 1,
    max: 1024,
    default: 512,
    about: "requests of one client under way at a time",
    group: LIMITS,
  },
  "drain-delay": {
    kind: "number",
    value: "SECONDS",
    min: 0,
    max: 300,
    default: 0,
    about: "how long a trustee that is to end still takes requests after /readyz says no, so that balancers hear of it",
  },
} as const satisfies Record<string, FlagSpec>;

/** The settings of a running trustee: flags of `serve`, keys of `trustee.toml`, lines of `config`. */
export const SERVE_FLAGS = {
  data: DATA_FLAG,
  store: STORE_FLAG,
  "master-key": MASTER_KEY_FLAG,
  listen: {
    kind: "list",
    value: "ADDRESS",
    default: ["127.0.0.1:8080"],
    about: "where to listen: HOST:PORT, http://HOST:PORT, https://HOST:PORT or unix:/PATH; port 0 takes a free one",
  },
  "tls-cert": { kind: "text", value: "FILE", about: "certificate chain (PEM) for HTTPS, read again when it changes" },
  "tls-key": { kind: "text", value: "FILE", about: "its private key (PEM)" },
  "insecure-http": { kind: "switch", noVariable: true, about: "allow plain HTTP on an address other than loopback" },
  ...OPERATION_FLAGS,
  "trust-anchor": {
    kind: "text",
    noVariable: true,
    value: "FILE",
    about: "a root certificate to trust besides the built-in ones; only a simulated one is taken, and only by a simulated store",
  },
  "accept-sample": {
    kind: "switch",
    noVariable: true,
    about: "take evidence of `sample` and `sampledevice`, which proves nothing, for trying out clients; only by a simulated store",
  },
  collateral: {
    kind: "text",
    value: "FILE",
    about: "a file of TDX collateral, which comes before all sources; read again when it changes",
  },
  "collateral-source": {
    kind: "text",
    value: "LIST",
    about:
      "where it is fetched, in this order: intel, alibaba, alibaba:REGION, http(s) addresses, files; `none` for nowhere; by default what this machine is set up for, else intel; none for a simulated trustee, or beside --collateral",
  },
  "collateral-source-ca": {
    kind: "text",
    value: "FILE",
    about: "certificate authorities (PEM) of sources that are given by address, instead of the built-in ones",
  },
  "collateral-update": {
    kind: "text",
    value: "EDITION",
    default: "standard",
    about: "which edition of the manufacturer's documents: standard, early, or a TCB evaluation number",
  },
  "collateral-timeout": {
    kind: "number",
    value: "SECONDS",
    min: 1,
    max: 300,
    default: 10,
    about: "how long one request to a source may take",
  },
  "collateral-grace": {
    kind: "number",
    noVariable: true,
    value: "SECONDS",
    min: 0,
    max: 30 * 86_400,
    default: 0,
    about: "how long expired collateral is still taken; recorded with every decision",
  },
  "legacy-open-attestation-policy": {
    kind: "switch",
    noVariable: true,
    about: "let everybody read the root realm's attestation policies and the names of its secrets, as upstream consoles do; opens no write",
  },
  compat: {
    kind: "text",
    value: "FAMILY",
    oneOf: PEER_FAMILIES,
    default: "openanolis",
    about: "whose statuses and words answers have where peers of the two families expect other ones: openanolis or coco",
  },
  "protocol-versions": {
    kind: "text",
    noVariable: true,
    value: "LIST",
    about: "older versions of the KBS protocol to speak besides 0.4.0, with commas between: 0.3.0, 0.2.0, 0.1.1",
  },
  "token-type": {
    kind: "text",
    value: "TYPE",
    oneOf: ["ear", "simple"],
    default: "ear",
    about: "the form of the attestation service's tokens: ear, or simple, which older relying parties of the openanolis family read",
  },
  "issuer-name": {
    kind: "text",
    value: "NAME",
    default: "CoCo-Attestation-Service",
    about: "what those tokens name as their issuer: simple ones, and ear ones of --compat coco",
  },
  "verify-workers": {
    kind: "number",
    noVariable: true,
    value: "N",
    min: 1,
    max: MAX_VERIFY_WORKERS,
    about: "threads that verify evidence at most, started as they are needed; default: one less than the machine has cores",
  },
} as const satisfies Record<string, FlagSpec>;

/** @returns `trustee.toml` in the data directory */
export function settingsFile(flags: Readonly<Record<string, string | number | boolean | undefined>>): string {
  const data = flags["data"];
  return join(typeof data === "string" ? data : DATA_FLAG.default, "trustee.toml");
}
