import { NO_BODY, SMALL_BODY } from "../route.ts";
import type { EnvelopeKeys } from "./envelope-keys.ts";
import type { Plugin } from "./plugin.ts";

/** The key calls of encrypted envelopes, which lie beside the resources (trustee.md §3.3). */
export function envelopePlugin(keys: EnvelopeKeys): Plugin {
  const write = { method: "POST", right: "key.write", bodyLimit: SMALL_BODY } as const;
  return {
    name: "resource",
    calls: [
      {
        method: "GET",
        path: "pubkey",
        right: "key.read",
        about: { summary: "The public key to encrypt envelopes to (PEM)", response: "text/xml" },
        bodyLimit: NO_BODY,
        handle: async ({ now }) => ({ body: await keys.publicKey(now) }),
      },
      {
        ...write,
        path: "reload",
        about: { summary: "Reads the keys of envelopes again", response: "text/xml" },
        handle: async () => ({ body: JSON.stringify({ reloaded_keys: await keys.reload() }) }),
      },
      {
        ...write,
        path: "rewrap",
        about: { summary: "Encrypts every envelope to the newest key", response: "text/xml" },
        async handle() {
          const { total, rewrapped, skipped, failed } = await keys.rewrap();
          const counts = { total, rewrapped, skipped, failed };
          return { body: JSON.stringify(counts), change: counts };
        },
      },
      {
        ...write,
        path: "rotate",
        about: { summary: "Makes a new key for envelopes and encrypts every one to it", response: "text/xml" },
        async handle({ now }) {
          const { publicKey, rewrapped, skipped, failed, retired, purged } = await keys.rotate(now);
          const counts = { rewrapped, skipped, failed, retired_keys: retired, purged_keys: purged };
          return { body: JSON.stringify({ public_key: publicKey, ...counts }), change: counts };
        },
      },
    ],
  };
}
