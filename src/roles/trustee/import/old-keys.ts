import { createHash, createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import { lstatSync } from "node:fs";
import { basename, join } from "node:path";
import { CaiError } from "../../../system/index.ts";
import { folderEntries, readSourceFile } from "./source-file.ts";

const MAX_KEY = 64 * 1024;
/** The first byte of the value of a trustee's Ed25519 admin key, and RSA keys of envelopes, are told by their type. */
const RSA_BITS = { min: 2048, max: 8192 } as const;

/** The public key of an administrator. */
export interface OldAdministrator {
  /** the name of its row: the same key always has the same */
  readonly name: string;
  /** SPKI PEM */
  readonly publicKey: string;
}

/** @throws CaiError `trustee.import-unreadable` for anything but an Ed25519 public key in PEM; a private key, too, is refused */
export function administratorIn(path: string): OldAdministrator {
  const text = readSourceFile(path, MAX_KEY).toString("latin1").trim();
  const key = text.startsWith("-----BEGIN PUBLIC KEY-----") ? publicKey(text) : undefined;
  if (key?.asymmetricKeyType !== "ed25519") {
    throw new CaiError("trustee.import-unreadable", `${path} is not taken: expected the public key of an administrator, Ed25519 in PEM`);
  }
  return { name: `imported-${fingerprint(key)}`, publicKey: key.export({ format: "pem", type: "spki" }) as string };
}

/** A private key that encrypted resources are opened with. */
export interface OldEnvelopeKey {
  readonly from: string;
  /** seconds since 1970; 0 where that is not known */
  readonly created: number;
  /** lower-case hex, 8 digits: the same key always has the same */
  readonly fingerprint: string;
  /** PKCS#8 DER, which the caller overwrites */
  readonly der: Buffer;
}

/** The name of a key that the old trustee made itself: `mkey-<unix nanoseconds>.pem` (trustee.md §3.3). */
const MANAGED = /^mkey-(\d{10,13})\d{9}\.pem$/;

/** @returns the paths of the keys at a place: itself, or the `.pem` files of a folder */
export function envelopeKeyFiles(place: string): string[] {
  if (lstatSync(place, { throwIfNoEntry: false })?.isDirectory() !== true) return [place];
  return [...folderEntries(place)]
    .map(({ name }) => name)
    .filter((name) => name.endsWith(".pem"))
    .sort()
    .map((name) => join(place, name));
}

/** @throws CaiError `trustee.import-unreadable` for anything but an RSA private key in PEM */
export function envelopeKeyIn(path: string): OldEnvelopeKey {
  const pem = readSourceFile(path, MAX_KEY);
  let key: KeyObject | undefined;
  try {
    key = createPrivateKey(pem);
  } catch {
    // Said below: a parser's words may quote the key.
  } finally {
    pem.fill(0);
  }
  const bits = key?.asymmetricKeyDetails?.modulusLength ?? 0;
  if (key?.asymmetricKeyType !== "rsa" || bits < RSA_BITS.min || bits > RSA_BITS.max) {
    throw new CaiError("trustee.import-unreadable", `${path} is not taken: expected an RSA private key in PEM, without a passphrase`, {
      expected: `${RSA_BITS.min} to ${RSA_BITS.max} bits`,
    });
  }
  return {
    from: path,
    created: Number(MANAGED.exec(basename(path))?.[1] ?? 0),
    fingerprint: fingerprint(createPublicKey(key)),
    der: key.export({ format: "der", type: "pkcs8" }),
  };
}

function publicKey(pem: string): KeyObject | undefined {
  try {
    return createPublicKey(pem);
  } catch {
    return undefined;
  }
}

function fingerprint(key: KeyObject): string {
  return createHash("sha256")
    .update(key.export({ format: "der", type: "spki" }))
    .digest("hex")
    .slice(0, 8);
}
