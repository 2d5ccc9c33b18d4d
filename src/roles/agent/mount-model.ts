import { readFileSync } from "node:fs";
import {
  type Artefact,
  type BlockSource,
  fuseAvailable,
  type Mount,
  type MountOptions,
  mountFuse,
  mountTmpfs,
  openArtefact,
  openFileSource,
  readHeader,
} from "../../model/index.ts";
import { activeSwap, CaiError, hardenProcess, type Logger } from "../../system/index.ts";
import { agreedRoots } from "./agreed-roots.ts";
import { type ModelKey, type ModelKeySource, modelKey } from "./model-key.ts";

export interface MountModelSettings {
  /** path of the artefact */
  readonly model: string;
  readonly mountpoint: string;
  readonly key: ModelKeySource;
  /** `sha256:<hex>`: the only artefact that may be mounted */
  readonly root?: string;
  /** takes any artefact that the key opens where nothing names a root (security.md §3.7) */
  readonly acceptUnpinnedRoot?: boolean;
  readonly mode: "fuse" | "tmpfs";
  readonly allow?: NonNullable<MountOptions["allow"]>;
  /** goes on although memory may be written to a disk (security.md I30) */
  readonly acceptSwap?: boolean;
  readonly logger: Logger;
  readonly signal?: AbortSignal;
  /** @returns the text of /proc/swaps; this machine's unless said otherwise */
  readonly swapTable?: () => string;
}

/** A mounted model and what is known about it. */
export interface MountedModel extends Mount {
  /** the artefact's identity, whether it was pinned or not */
  readonly root: string;
  readonly rootPinned: boolean;
  /** false where the artefact itself chose among the models that this machine may open: whoever stores it can put another of them there (I29) */
  readonly modelPinned: boolean;
  readonly mode: MountModelSettings["mode"];
  /** the resource that the key came from; absent where it came from a file */
  readonly resource?: string;
}

/**
 * Gets a model's key, opens the artefact and mounts it.
 *
 * @throws CaiError `agent.swap-enabled`, `agent.resource-unknown`, `agent.resource-invalid`, `model.root-conflict`,
 *   `model.fuse-unavailable`, and what the key source and the model room throw
 */
export async function mountModel(settings: MountModelSettings): Promise<MountedModel> {
  const { logger, mode } = settings;
  hardenProcess();
  refuseSwap(settings);
  requireMode(mode);
  const source = await openFileSource(settings.model);
  const { artefact, resource, rootPinned } = await openWithKey(source, settings);
  const { root } = artefact;
  const modelPinned = settings.root !== undefined || "keyFile" in settings.key || settings.key.resource !== undefined;
  const mount = await show(artefact, settings);
  logger.info("mounted", { model: settings.model, mountpoint: mount.mountpoint, root, rootPinned, modelPinned, mode });
  return Object.assign(mount, { root, rootPinned, modelPinned, mode, ...(resource !== undefined && { resource }) });
}

/** I30: what is paged out to a disk outlives the process and the machine. */
function refuseSwap({ acceptSwap = false, logger, swapTable = readSwapTable }: MountModelSettings): void {
  const areas = activeSwap(swapTable());
  if (areas.length === 0) return;
  const got = areas.join(", ");
  if (!acceptSwap) {
    throw new CaiError("agent.swap-enabled", "this machine swaps to a disk, where plaintext and keys would be written", {
      expected: "no swap, or zram only",
      got,
      hint: "swapoff -a, or --accept-swap to take the risk",
    });
  }
  logger.warn("swap is on and accepted: plaintext may be written to a disk", { areas: got });
}

function readSwapTable(): string {
  try {
    return readFileSync("/proc/swaps", "utf8");
  } catch (error) {
    // A kernel without swap has no such file; any other failure leaves the question open and is not taken for a no.
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return "";
    throw error;
  }
}

/** Asked before the trustee is: a key that cannot be used must not be released. */
function requireMode(mode: MountModelSettings["mode"]): void {
  if (mode !== "fuse") return;
  const { available, why } = fuseAvailable();
  if (available) return;
  throw new CaiError("model.fuse-unavailable", why ?? "this machine cannot mount by FUSE", {
    hint: "--mode tmpfs decrypts the whole model into memory instead",
  });
}

interface Opened {
  readonly artefact: Artefact;
  readonly resource: string | undefined;
  readonly rootPinned: boolean;
}

async function openWithKey(source: BlockSource, settings: MountModelSettings): Promise<Opened> {
  let key: ModelKey | undefined;
  try {
    key = await modelKey(settings.key, await readHeader(source), settings.logger, settings.signal);
    const pinned = agreedRoots([
      { name: "--root", roots: settings.root === undefined ? [] : [settings.root] },
      { name: key.rootSource, roots: key.roots },
    ]);
    const unpinned = pinned.length === 0 && settings.acceptUnpinnedRoot === true;
    if (unpinned) settings.logger.warn("no root is pinned and that is accepted: any artefact under this key would be mounted");
    const artefact = await openArtefact(source, {
      kek: key.kek,
      slot: key.resourcePath === undefined ? {} : { resourcePath: key.resourcePath },
      roots: unpinned ? "unpinned" : pinned,
    });
    return { artefact, resource: key.resource, rootPinned: !unpinned };
  } catch (error) {
    await source.close();
    throw error;
  } finally {
    key?.kek.fill(0);
  }
}

/** The mount owns the artefact from here on, also where it fails. */
async function show(artefact: Artefact, { mountpoint, mode, allow, logger }: MountModelSettings): Promise<Mount> {
  const options: MountOptions = allow === undefined ? {} : { allow };
  if (mode === "tmpfs") return mountTmpfs(artefact, mountpoint, options);
  return mountFuse(artefact, mountpoint, {
    ...options,
    onCorrupt: (path, chunk, { id, message }) => logger.error(message, { id, path, chunk }),
    onFault: ({ id, message }) => logger.error(message, { id }),
  });
}
