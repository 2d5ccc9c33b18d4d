import { CaiError, nearest } from "../../../system/index.ts";

/** A service that speaks the protocol of Intel's PCS (tdx.md §2.8). */
export interface ServiceOrigin {
  readonly kind: "service";
  /** how messages and lists name it */
  readonly name: string;
  /** what the paths of the protocol are put behind; no slash at the end */
  readonly base: string;
  readonly api: "v3" | "v4";
  /** where the root CA's revocation list is; other services than Intel's serve it themselves */
  readonly rootCrl: string;
  /** whether it is one of the manufacturer's or a cloud's own, which know no simulated platform and must not be asked for one */
  readonly vendor: boolean;
}

/** A file of collateral (tdx.md §2.9). */
export interface FileOrigin {
  readonly kind: "file";
  readonly name: string;
  readonly path: string;
}

/** Where collateral can come from. */
export type CollateralOrigin = ServiceOrigin | FileOrigin;

/** One word of a list of origins. `alibaba` without a region becomes services only where the machine is known. */
export type OriginWord = CollateralOrigin | { readonly kind: "alibaba"; readonly region: string | undefined };

const MAX_WORDS = 16;
const INTEL_HOST = "api.trustedservices.intel.com";
const INTEL_ROOT_CRL = "https://certificates.trustedservices.intel.com/IntelSGXRootCA.der";
const EXPECTED = "intel, alibaba, alibaba:<region>, an http or https address, or the path of a file";

/** A region's id becomes part of a host name. */
const REGION = /^[a-z0-9]{1,16}(?:-[a-z0-9]{1,16}){1,4}$/;
/** The region of Alibaba Cloud's public service that everybody may ask (tdx.md §2.8). */
const DEFAULT_REGION = "cn-beijing";

/** Intel's own service. */
export const INTEL: ServiceOrigin = {
  kind: "service",
  name: "intel",
  base: `https://${INTEL_HOST}`,
  api: "v4",
  rootCrl: INTEL_ROOT_CRL,
  vendor: true,
};

/** True for hosts of the manufacturer and of clouds: whatever was configured, their TLS is vouched for by the public authorities alone. */
export const isWellKnown = (host: string): boolean => /\.(?:trustedservices\.intel\.com|aliyuncs\.com)$/.test(host);

/**
 * Reads a list of origins: words separated by commas, asked in their order.
 *
 * @throws CaiError `cli.setting-invalid`, naming the word
 */
export function parseOrigins(list: string): OriginWord[] {
  const words = list.split(",").map((word) => word.trim());
  if (words.length > MAX_WORDS) throw invalid(list, `at most ${MAX_WORDS} sources`);
  return words.map(parseWord);
}

function parseWord(word: string): OriginWord {
  if (word === "intel") return INTEL;
  if (word === "alibaba") return { kind: "alibaba", region: undefined };
  if (word.startsWith("alibaba:")) return { kind: "alibaba", region: parseRegion(word.slice("alibaba:".length)) };
  if (/^https?:/i.test(word)) return serviceAt(word);
  if (/^file:/i.test(word)) return fileAt(word, word.replace(/^file:(?:\/\/)?/i, ""));
  if (/^[^:]*\/|\.json$/.test(word)) return fileAt(word, word);
  const near = nearest(word, ["intel", "alibaba"]);
  throw invalid(word, near ?? EXPECTED);
}

function fileAt(word: string, path: string): FileOrigin {
  if (path === "") throw invalid(word, "the path of a file");
  return fileOrigin(path);
}

export const fileOrigin = (path: string): FileOrigin => ({ kind: "file", name: path, path });

/** @throws CaiError `cli.setting-invalid` */
export function parseRegion(text: string): string {
  if (REGION.test(text)) return text;
  throw invalid(text, "a region such as cn-hangzhou");
}

/**
 * The service at an address. People configure the host alone or with one of the trees behind it (tdx.md §2.8).
 *
 * @throws CaiError `cli.setting-invalid` for what is no plain http or https address
 */
function serviceAt(address: string): ServiceOrigin {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) throw invalid(address, "an http or https address");
  if (url.username !== "" || url.password !== "") throw invalid(address, "an address without name and password");
  if (url.search !== "" || url.hash !== "") throw invalid(address, "an address without ? and #");
  const path = url.pathname.replace(/\/+$/, "");
  const [tree, api] = /\/(?:sgx|tdx)\/certification\/(v3|v4)$/.exec(path) ?? ["", "v4"];
  const base = url.origin + path.slice(0, path.length - tree.length);
  if (url.hostname === INTEL_HOST && api === "v4") return INTEL;
  const service = { kind: "service", name: api === "v3" ? base + tree : base, base, api: api === "v3" ? "v3" : "v4" } as const;
  if (url.hostname === INTEL_HOST) return { ...service, rootCrl: INTEL_ROOT_CRL, vendor: true };
  return { ...service, rootCrl: `${base}/sgx/certification/${api}/rootcacrl`, vendor: isWellKnown(url.hostname) };
}

/**
 * Alibaba Cloud's services: inside a region's private network first, then in public.
 *
 * @param region  undefined where it is not known
 */
export function alibabaServices(region: string | undefined): ServiceOrigin[] {
  const publicly = alibabaService(
    `https://sgx-dcap-server.${region ?? DEFAULT_REGION}.aliyuncs.com`,
    `alibaba:${region ?? DEFAULT_REGION}`,
  );
  if (region === undefined) return [publicly];
  return [alibabaService(`https://sgx-dcap-server-vpc.${region}.aliyuncs.com`, `alibaba:${region} (vpc)`), publicly];
}

const alibabaService = (base: string, name: string): ServiceOrigin => ({
  kind: "service",
  name,
  base,
  api: "v4",
  rootCrl: `${base}/sgx/certification/v4/rootcacrl`,
  vendor: true,
});

/** A password in an address is not repeated. */
function invalid(given: string, expected: string): CaiError {
  const word = given.replace(/\/\/.*@/, "//…@");
  return new CaiError("cli.setting-invalid", `a source of collateral cannot be ${JSON.stringify(word)}`, { expected, got: word });
}
