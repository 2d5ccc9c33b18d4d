import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { encryptModel, formatRootLines, writeKeyFile } from "../../../model/index.ts";
import { formatResourcePath, formatResourceUri, parseResourceUri, type ResourcePath } from "../../../protocol/index.ts";
import { CaiError, defineVerb, formatBytes, version } from "../../../system/index.ts";
import { listResources, storeResources } from "../resources.ts";
import { ADMIN_FLAGS, connectAdmin, type TrusteeAdmin, warnOfWorld } from "../trustee-admin.ts";

const KEY_BYTES = 32;
const { "admin-key": adminKey, ...otherAdminFlags } = ADMIN_FLAGS;

export default defineVerb({
  path: "model encrypt",
  description:
    "Encrypts a folder or a file into one archive, under a new random key that is stored on a trustee (--resource) or in a file (--key-file).\nThe archive appears under its name only when it is whole and its key is stored; the original is not touched.",
  positionals: [{ name: "INPUT", about: "the folder or file" }],
  flags: {
    output: {
      kind: "text",
      value: "ENC",
      short: "o",
      required: true,
      about: "the archive to write; never overwritten",
      commandLineOnly: true,
    },
    resource: {
      kind: "text",
      value: "URI",
      about: "where on the trustee the key is stored: kbs:///repository/type/tag",
      commandLineOnly: true,
    },
    "key-file": { kind: "text", value: "FILE", about: "write the key to this new file instead (mode 0600)", commandLineOnly: true },
    replace: {
      kind: "switch",
      about: "replace a key that is under this resource; archives made with it can then be opened no more",
      commandLineOnly: true,
    },
    chunk: {
      kind: "number",
      value: "BYTES",
      min: 4096,
      max: 4_194_304,
      default: 65_536,
      about: "block size, a power of two: smaller for random access",
    },
    "no-digest": { kind: "switch", about: "leave out the SHA-256 of each file: faster, and `verify --deep` has nothing to compare" },
    ...otherAdminFlags,
    "admin-key": { kind: adminKey.kind, value: adminKey.value, about: `${adminKey.about}; needed with --resource` },
  },
  examples: [
    {
      about: "for a trustee",
      line: "cai model encrypt ./qwen -o qwen.tar --resource kbs:///default/model/qwen --trustee http://127.0.0.1:8080 --admin-key cai-trustee/admin.key",
    },
    { about: "with the key in a file", line: "cai model encrypt ./qwen -o qwen.tar --key-file qwen.key" },
  ],
  async run({ positionals: [input], flags, log, print, progress, signal }) {
    const resource = destination(flags.resource, flags["key-file"]);
    const admin = resource && (await reachTrustee(resource, flags, signal));
    if (admin) warnOfWorld(admin, log);
    const keyFile = flags["key-file"];
    if (keyFile !== undefined && existsSync(keyFile))
      throw new CaiError("cli.output-exists", `${keyFile} exists already, and a key is never overwritten`);
    const kek = randomBytes(KEY_BYTES);
    const uri = resource && formatResourceUri(resource);
    const bar = progress("encrypting");
    const start = performance.now();
    try {
      const result = await encryptModel({
        input,
        output: flags.output,
        recipients: [{ kek, ...(uri !== undefined && { uri }) }],
        chunk: flags.chunk,
        digest: !flags["no-digest"],
        hint: { tool: `cai ${version}` },
        progress: bar.update,
        signal,
        beforeFinish: async (root) => {
          if (admin && resource) await storeKey(admin, resource, kek, root, flags.replace);
          if (keyFile !== undefined) await writeKeyFile(keyFile, kek, root);
        },
      });
      const seconds = (performance.now() - start) / 1000;
      bar.end();
      const rate = `${seconds.toFixed(1)} s, ${(result.plaintextBytes / seconds / 1e9).toFixed(2)} GB/s`;
      print(
        {
          output: flags.output,
          root: result.root,
          resource: uri ?? null,
          key_file: keyFile ?? null,
          files: result.files,
          plaintext_bytes: result.plaintextBytes,
          bytes: result.bytes,
          seconds,
        },
        [
          `encrypted ${result.files} files, ${formatBytes(result.plaintextBytes)}, into ${flags.output} (${rate})`,
          `  root: ${result.root}`,
          `  key:  ${uri ? `${uri} on ${flags.trustee}, the root beside it` : `${keyFile}, with the root: keep it secret`}`,
        ].join("\n"),
      );
    } finally {
      kek.fill(0);
      bar.end();
    }
  },
});

function destination(resource: string | undefined, keyFile: string | undefined): ResourcePath | undefined {
  if ((resource === undefined) === (keyFile === undefined))
    throw new CaiError("cli.usage", "give either --resource or --key-file", { hint: "cai model encrypt --help" });
  return resource === undefined ? undefined : parseResourceUri(resource);
}

/** Makes sure, before hours of encryption, that the trustee is there, takes this administrator, and has a place for the key. */
async function reachTrustee(
  resource: ResourcePath,
  flags: { trustee: string; "admin-key": string | undefined; "trustee-pin": string | undefined; ca: string | undefined; replace: boolean },
  signal: AbortSignal,
): Promise<TrusteeAdmin> {
  const key = flags["admin-key"];
  if (key === undefined) throw new CaiError("cli.usage", "--resource needs --admin-key FILE", { hint: "cai model encrypt --help" });
  const admin = await connectAdmin({ ...flags, "admin-key": key }, signal, "secrets");
  const path = formatResourcePath(resource);
  const taken = (await listResources(admin, undefined)).map((each) => each.path).filter((name) => name === path || name === `${path}.root`);
  if (taken.length > 0 && !flags.replace) {
    throw new CaiError("kbs.resource-exists", `the trustee has ${taken.map((name) => `kbs:///${name}`).join(" and ")} already`, {
      expected: "a free name",
      hint: "choose another name, or give --replace",
    });
  }
  return admin;
}

/** The key and, beside it, the root that pins the archive: both or none (security.md §3.7). */
async function storeKey(admin: TrusteeAdmin, resource: ResourcePath, kek: Uint8Array, root: string, replace: boolean): Promise<void> {
  const path = formatResourcePath(resource);
  const lines = new TextEncoder().encode(formatRootLines([root]));
  await storeResources(
    admin,
    [
      { path, value: kek },
      { path: `${path}.root`, value: lines },
    ],
    replace,
  );
}
