import { createHash, createPrivateKey, createPublicKey, type KeyObject, X509Certificate } from "node:crypto";
import { statSync } from "node:fs";
import { CaiError, readTextFile } from "../../system/index.ts";

/** What a TLS server shows and proves. */
export interface TlsMaterial {
  /** PEM of the chain, the server's own certificate first */
  readonly certificate: string;
  /** PEM of its private key */
  readonly key: string;
  /** `spki:sha256:…` (security.md §3.4) */
  readonly pin: string;
  /** when the certificate ends, seconds since 1970 */
  readonly notAfter: number;
}

/** Where a certificate that the operator gives lies. */
export interface TlsFiles {
  /** PEM of the chain, the server's own certificate first */
  readonly certificate: string;
  readonly key: string;
}

/** @returns what `--trustee-pin` takes for a server with this public key */
export function tlsPin(publicKey: KeyObject): string {
  const spki = publicKey.export({ format: "der", type: "spki" });
  return `spki:sha256:${createHash("sha256").update(spki).digest("base64url")}`;
}

/**
 * Reads a certificate and its key from the files that the operator named.
 *
 * @throws CaiError `cli.input-unreadable`, `trustee.tls-invalid`
 */
export function readTlsFiles(files: TlsFiles): TlsMaterial {
  const certificate = readTextFile(files.certificate);
  const key = readTextFile(files.key);
  const leaf = parsed(`${files.certificate} is no certificate in PEM`, () => new X509Certificate(certificate));
  const privateKey = parsed(`${files.key} is no private key in PEM without a passphrase`, () => createPrivateKey(key));
  if (!createPublicKey(privateKey).equals(leaf.publicKey)) {
    throw new CaiError("trustee.tls-invalid", "the first certificate is not for this private key", {
      expected: `in ${files.certificate}: the server's own certificate first, then those of its issuers`,
      got: `a certificate for another key than that of ${files.key}`,
    });
  }
  return { certificate, key, pin: tlsPin(leaf.publicKey), notAfter: Math.floor(Date.parse(leaf.validTo) / 1000) };
}

/** @returns a text that is another one when a file is: replaced, written to, or gone */
export function tlsFilesState(files: TlsFiles): string {
  return [files.certificate, files.key].map(fileState).join(" ");
}

function fileState(path: string): string {
  try {
    const { ino, mtimeMs, size } = statSync(path);
    return `${ino}:${mtimeMs}:${size}`;
  } catch {
    return "none";
  }
}

/** The parser's words are not told: they may quote the file. */
function parsed<T>(message: string, parse: () => T): T {
  try {
    return parse();
  } catch {
    throw new CaiError("trustee.tls-invalid", message);
  }
}
