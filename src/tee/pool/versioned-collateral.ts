import { createHash } from "node:crypto";

/** Collateral of whatever platform, and a name for its content. */
export interface VersionedCollateral {
  readonly version: string;
  readonly value: object;
}

const versions = new WeakMap<object, string>();

/** Names collateral by its content; the same object, which never changes, is looked at once. */
export function versioned(value: object): VersionedCollateral {
  let version = versions.get(value);
  if (version === undefined) {
    const text = JSON.stringify(value, (_, member) => (member instanceof Uint8Array ? { bytes: member.toBase64() } : member));
    version = createHash("sha256").update(text).digest("base64");
    versions.set(value, version);
  }
  return { version, value };
}
