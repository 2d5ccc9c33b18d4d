import { createPrivateKey, type KeyObject } from "node:crypto";
import { CaiError } from "../../system/index.ts";
import type { Store } from "./store/index.ts";

/** @returns one of the trustee's own private keys. @throws CaiError `store.unreadable` where there is none of that name */
export async function ownPrivateKey({ ownKeys }: Pick<Store, "ownKeys">, name: string): Promise<KeyObject> {
  const der = await ownKeys.get(name);
  if (der === undefined) throw new CaiError("store.unreadable", `the store has no key ${name}`);
  return takePrivateKey(der);
}

/** @param der  PKCS#8; it is overwritten */
export function takePrivateKey(der: Uint8Array): KeyObject {
  try {
    return createPrivateKey({ key: Buffer.from(der.buffer, der.byteOffset, der.length), format: "der", type: "pkcs8" });
  } finally {
    der.fill(0);
  }
}

/** @returns DER of one of the trustee's own certificates. @throws CaiError `store.unreadable` where there is none of that name */
export async function ownCertificate(store: Pick<Store, "rows">, name: string): Promise<Buffer> {
  const text = (await store.rows("certificates")).get(name);
  // Never removed by anything here; its absence is caught by the store's head, so this is a store made wrong.
  if (text === undefined) throw new CaiError("store.unreadable", `the store has no certificate ${name}`);
  return Buffer.from(text, "base64");
}
