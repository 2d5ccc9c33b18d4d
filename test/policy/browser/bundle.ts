import { resolve } from "node:path";
import type { BunPlugin } from "bun";

const SOURCE = resolve(import.meta.dir, "../../../src");

/**
 * What stands for a module that a page cannot have, by its path below `src`. Of the system's room the engine needs its errors and the
 * nearest name; signatures it goes without, so that a policy which calls one is refused by that name when it is compiled.
 */
const REPLACED: { readonly [path: string]: string } = {
  "system/index.ts": [
    `export { CaiError } from "${SOURCE}/system/error.ts";`,
    `export { catalogue } from "${SOURCE}/system/errors/index.ts";`,
    `export { nearest } from "${SOURCE}/system/command/nearest.ts";`,
  ].join("\n"),
  "policy/rego/builtins/signature.ts": "export const signatures = {};",
};

const NOBLE = resolve(SOURCE, "../node_modules/@noble/hashes");

/** What the engine uses of node:crypto, over the hashes that the curves' package brings along. */
const HASHES = `
import { hmac } from "${NOBLE}/hmac.js";
import { md5, sha1 } from "${NOBLE}/legacy.js";
import { sha256, sha384, sha512 } from "${NOBLE}/sha2.js";

const hashes = { md5, sha1, sha256, sha384, sha512 };
const bytes = (text) => new TextEncoder().encode(text);
const hex = (digest) => Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
const chain = (hash) => {
  const chained = { update: (text) => (hash.update(bytes(text)), chained), digest: () => hex(hash.digest()) };
  return chained;
};

export const createHash = (name) => chain(hashes[name].create());
export const createHmac = (name, key) => chain(hmac.create(hashes[name], bytes(key)));

export function timingSafeEqual(a, b) {
  if (a.length !== b.length) throw new RangeError("expected buffers of one length");
  return a.reduce((difference, byte, i) => difference | (byte ^ b[i]), 0) === 0;
}`;

const withoutMachine: BunPlugin = {
  name: "modules that a page cannot have",
  setup(build) {
    for (const [path, contents] of Object.entries(REPLACED)) {
      const file = resolve(SOURCE, path);
      build.onLoad({ filter: new RegExp(`^${RegExp.escape(file)}$`) }, () => ({ contents, loader: "ts" }));
    }
    build.onResolve({ filter: /^node:crypto$/ }, () => ({ path: "hashes", namespace: "page" }));
    build.onLoad({ filter: /^hashes$/, namespace: "page" }, () => ({ contents: HASHES, loader: "js" }));
  },
};

/**
 * Bundles the policy engine for a page.
 *
 * @returns the text of a module that sets `globalThis.policyEngine` to `{compilePolicy}`
 * @throws AggregateError where the engine needs what no page has
 */
export async function bundleEngine(): Promise<string> {
  const { outputs } = await Bun.build({
    entrypoints: [resolve(import.meta.dir, "page.ts")],
    target: "browser",
    format: "esm",
    minify: true,
    plugins: [withoutMachine],
  });
  return await outputs[0]!.text();
}
