import { type Header, parseRootLines, readKeyFile, resourcePath } from "../../model/index.ts";
import { formatResourcePath, formatResourceUri, parseResourcePath, parseResourceUri, type ResourcePath } from "../../protocol/index.ts";
import { CaiError, type Logger } from "../../system/index.ts";
import type { KbsClient } from "./kbs-client.ts";

/** Where a model's key comes from. The artefact is no such place: whoever stores it could name any key (security.md I29). */
export type ModelKeySource =
  | { readonly keyFile: string }
  | {
      readonly client: KbsClient;
      /** `kbs:///repository/type/tag`; without it the path that the artefact names is asked for, at the configured trustee */
      readonly resource?: string;
    };

/** A model's wrapping key and the roots that came with it. */
export interface ModelKey {
  /** 32 bytes; whoever gets it wipes it */
  readonly kek: Uint8Array;
  readonly roots: readonly string[];
  /** names the place of `roots` in errors */
  readonly rootSource: string;
  /** both absent where the key came from a file */
  readonly resource: string | undefined;
  readonly resourcePath: string | undefined;
}

const KEK_BYTES = 32;
const ROOT_SUFFIX = ".root";

/**
 * Gets the key.
 *
 * @throws CaiError `agent.resource-unknown`, `agent.resource-invalid`, `model.root-invalid`, and what the source throws
 */
export async function modelKey(source: ModelKeySource, header: Header, logger: Logger, signal?: AbortSignal): Promise<ModelKey> {
  if ("keyFile" in source) {
    const { kek, root } = await readKeyFile(source.keyFile);
    return { kek, roots: root === undefined ? [] : [root], rootSource: source.keyFile, resource: undefined, resourcePath: undefined };
  }
  const { client } = source;
  const path = source.resource === undefined ? pathInArtefact(header, logger) : parseResourceUri(source.resource);
  const resource = formatResourceUri(path);
  const kek = await client.resource(resource, signal);
  try {
    requireKek(kek, resource);
    const rootSource = formatResourceUri({ ...path, tag: path.tag + ROOT_SUFFIX });
    const roots = await storedRoots(client, rootSource, signal);
    return { kek, roots, rootSource, resource, resourcePath: formatResourcePath(path) };
  } catch (error) {
    kek.fill(0);
    throw error;
  }
}

function pathInArtefact(header: Header, logger: Logger): ResourcePath {
  const paths = new Set<string>();
  for (const slot of header.slots) {
    const path = "unknown" in slot || slot.uri === undefined ? undefined : resourcePath(slot.uri);
    if (path !== undefined) paths.add(path);
  }
  const [path] = paths;
  if (path === undefined || paths.size > 1) {
    throw new CaiError("agent.resource-unknown", "the artefact does not name one resource for its key, and the command line names none", {
      expected: "--resource kbs:///repository/type/tag",
      got: path === undefined ? "none" : [...paths].join(", "),
    });
  }
  logger.warn("the artefact itself names its key: give --resource or --root, so that nobody puts another of your models in its place", {
    resource: path,
  });
  return parseResourcePath(path);
}

function requireKek(kek: Uint8Array, resource: string): void {
  if (kek.length === KEK_BYTES) return;
  throw new CaiError("agent.resource-invalid", `${resource} is not the key of a model`, {
    expected: `${KEK_BYTES} bytes`,
    got: `${kek.length} bytes`,
  });
}

/** The roots beside the key; none where the trustee has no such resource, so that another place must name one. */
async function storedRoots(client: KbsClient, uri: string, signal?: AbortSignal): Promise<readonly string[]> {
  let text: Uint8Array;
  try {
    text = await client.resource(uri, signal);
  } catch (error) {
    if (error instanceof CaiError && error.id === "agent.resource-not-found") return [];
    throw error;
  }
  try {
    return parseRootLines(new TextDecoder("utf-8", { fatal: true }).decode(text));
  } catch (cause) {
    throw new CaiError("agent.resource-invalid", `${uri} is not the root of a model`, { expected: "lines sha256:<64 hex digits>", cause });
  }
}
