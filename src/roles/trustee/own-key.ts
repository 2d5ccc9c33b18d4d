import { createPrivateKey, type KeyObject } from "node:crypto";
import { CaiError } from "../../system/index.ts";
import type { Store } from "./store/index.ts";

/** @returns one of the trustee's own private keys. @throws CaiError `store.unreadable` where there is none of that name */
export async function ownPrivateKey(store: Store, name: string): Promise<KeyObject> {
  const der = await store.ownKeys.get(name);
  if (der === undefined) throw new CaiError("store.unreadable", `the store has no key ${name}`);
  try {
    return createPrivateKey({ key: Buffer.from(der.buffer, der.byteOffset, der.length), format: "der", type: "pkcs8" });
  } finally {
    der.fill(0);
  }
}
