import { type Artefact, openArtefact, openFileSource, parseRoot, readKeyFile } from "../../model/index.ts";
import { formatResourcePath, parseResourceUri } from "../../protocol/index.ts";
import { CaiError, type FlagSpec } from "../../system/index.ts";

/** The flags of every verb that opens an artefact with a key file. */
export const OPEN_FLAGS = {
  "key-file": { kind: "text", value: "FILE", required: true, about: "the key: 32 raw bytes, as `cai model encrypt --key-file` writes it" },
  resource: {
    kind: "text",
    value: "URI",
    about: "the resource that the key is, where the artefact was encrypted for one (kbs:///repository/type/tag)",
  },
  root: { kind: "text", value: "sha256:HEX", about: "the root that the artefact must have; by default the one in the key file" },
  "accept-unpinned-root": {
    kind: "switch",
    commandLineOnly: true,
    about: "take any artefact that this key opens, also an older version or another model",
  },
} as const satisfies Record<string, FlagSpec>;

interface OpenSettings {
  readonly "key-file": string;
  readonly resource: string | undefined;
  readonly root: string | undefined;
  readonly "accept-unpinned-root": boolean;
}

/** An opened artefact, and whether it was checked against a root that flag or key file names. */
interface OpenedArtefact {
  readonly artefact: Artefact;
  readonly rootPinned: boolean;
}

/**
 * Opens an artefact with a key file, pinned to a root unless the caller says that any will do (security.md §3.7).
 *
 * @throws CaiError what `openArtefact` and `readKeyFile` throw; `model.root-conflict` where flag and key file disagree
 */
export async function openWithKeyFile(path: string, settings: OpenSettings): Promise<OpenedArtefact> {
  const { kek, root: filed } = await readKeyFile(settings["key-file"]);
  try {
    const named = settings.root === undefined ? undefined : parseRoot(settings.root);
    if (named !== undefined && filed !== undefined && named !== filed) {
      throw new CaiError("model.root-conflict", "--root and the key file name different artefacts", { expected: named, got: filed });
    }
    const root = named ?? filed;
    const slot = settings.resource === undefined ? {} : { resourcePath: formatResourcePath(parseResourceUri(settings.resource)) };
    const source = await openFileSource(path);
    try {
      const roots = root !== undefined ? [root] : settings["accept-unpinned-root"] ? "unpinned" : [];
      return { artefact: await openArtefact(source, { kek, slot, roots }), rootPinned: root !== undefined };
    } catch (error) {
      await source.close();
      throw error;
    }
  } finally {
    kek.fill(0);
  }
}
