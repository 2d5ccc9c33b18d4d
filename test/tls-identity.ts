import { generateKeyPairSync, sign } from "node:crypto";
import { buildCertificate, certificatePem, type SubjectAltName } from "../src/crypto/index.ts";

/** A self-signed TLS server, good for an hour. @param names  what it is called; `localhost` by default */
export function makeTlsIdentity(names: readonly SubjectAltName[] = [{ dns: "localhost" }]) {
  const keys = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const spki = keys.publicKey.export({ type: "spki", format: "der" });
  const now = Math.floor(Date.now() / 1000);
  const certificate = buildCertificate({
    serial: 1n,
    subject: "localhost",
    issuer: "localhost",
    notBefore: now - 60,
    notAfter: now + 3600,
    publicKey: spki,
    ca: {},
    keyUsage: ["keyCertSign", "digitalSignature"],
    subjectAltNames: names,
    sign: (tbs) => sign("sha256", tbs, { key: keys.privateKey, dsaEncoding: "ieee-p1363" }),
  });
  return { cert: certificatePem(certificate), key: keys.privateKey.export({ type: "pkcs8", format: "pem" }) as string, spki };
}
