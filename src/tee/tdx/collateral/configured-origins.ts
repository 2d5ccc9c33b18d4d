import type { HttpClient } from "../../../system/index.ts";
import { alibabaRegion, isAlibabaVendor } from "./alibaba.ts";
import { alibabaServices, type CollateralOrigin, INTEL, type OriginWord, parseOrigins } from "./origin.ts";
import { QCNL_PATH, qcnlService } from "./qcnl.ts";

/** What the choice of origins looks at, besides what was set. */
export interface OriginSurroundings {
  /** of which `PCCS_URLS` and `PCCS_URL` are read */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** @returns a file's text, or undefined where there is none */
  readFile(path: string): string | undefined;
  /** for the metadata service of a cloud: with a time limit of about two seconds, and answers of a few hundred bytes */
  readonly metadata: HttpClient;
}

/** Origins of collateral and who chose them. */
export interface ConfiguredOrigins {
  /** `setting`, `PCCS_URLS`, `PCCS_URL`, the path of Intel's configuration file, or `default` */
  readonly from: string;
  /** @returns the origins in the order in which they are asked; may ask a cloud's metadata service, once */
  resolve(): Promise<readonly CollateralOrigin[]>;
}

const DMI_VENDOR = "/sys/class/dmi/id/sys_vendor";

/**
 * Which origins are asked: the first of the explicit setting, `PCCS_URLS`, `PCCS_URL`, Intel's configuration file, and the default, which is the
 * service of the region on a machine of Alibaba Cloud, then Intel's (tdx.md §2.8).
 *
 * @param setting  a list as {@link parseOrigins} reads it
 * @throws CaiError `cli.setting-invalid`
 */
export function configuredOrigins(setting: string | undefined, surroundings: OriginSurroundings): ConfiguredOrigins {
  const { environment, readFile } = surroundings;
  const chosen = (from: string, list: string): ConfiguredOrigins => {
    const words = parseOrigins(list);
    return { from, resolve: once(() => resolveWords(words, surroundings)) };
  };
  if (setting !== undefined) return chosen("setting", setting);
  for (const name of ["PCCS_URLS", "PCCS_URL"]) {
    const value = environment[name];
    if (value !== undefined && value.trim() !== "") return chosen(name, value);
  }
  const service = qcnlService(readFile(QCNL_PATH) ?? "");
  if (service !== undefined) return chosen(QCNL_PATH, service);
  return { from: "default", resolve: once(() => defaultOrigins(surroundings)) };
}

async function resolveWords(words: readonly OriginWord[], surroundings: OriginSurroundings): Promise<CollateralOrigin[]> {
  const origins: CollateralOrigin[] = [];
  for (const word of words) {
    if (word.kind === "alibaba") origins.push(...alibabaServices(word.region ?? (await ownRegion(surroundings))));
    else origins.push(word);
  }
  return origins;
}

async function defaultOrigins(surroundings: OriginSurroundings): Promise<CollateralOrigin[]> {
  if (!isAlibabaVendor(surroundings.readFile(DMI_VENDOR))) return [INTEL];
  return [...alibabaServices(await ownRegion(surroundings)), INTEL];
}

async function ownRegion({ readFile, metadata }: OriginSurroundings): Promise<string | undefined> {
  return isAlibabaVendor(readFile(DMI_VENDOR)) ? alibabaRegion(metadata) : undefined;
}

function once<T>(work: () => Promise<T>): () => Promise<T> {
  let result: Promise<T> | undefined;
  return () => {
    result ??= work();
    return result;
  };
}
