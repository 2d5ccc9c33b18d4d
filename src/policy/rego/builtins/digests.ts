import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { type Builtin, type Builtins, builtin, stringArg } from "./builtin.ts";

function digest(algorithm: string): Builtin {
  return builtin(1, (args, run) => {
    const text = stringArg(args, 0);
    run.characters(text.length);
    return createHash(algorithm).update(text, "utf8").digest("hex");
  });
}

function hmac(algorithm: string): Builtin {
  return builtin(2, (args, run) => {
    const text = stringArg(args, 0);
    run.characters(text.length);
    return createHmac(algorithm, stringArg(args, 1)).update(text, "utf8").digest("hex");
  });
}

/** Hashes in lower-case hex. */
export const digests: Builtins = {
  "crypto.md5": digest("md5"),
  "crypto.sha1": digest("sha1"),
  "crypto.sha256": digest("sha256"),
  "crypto.hmac.md5": hmac("md5"),
  "crypto.hmac.sha1": hmac("sha1"),
  "crypto.hmac.sha256": hmac("sha256"),
  "crypto.hmac.sha512": hmac("sha512"),
  "crypto.hmac.equal": builtin(2, (args) => {
    const [a, b] = [Buffer.from(stringArg(args, 0)), Buffer.from(stringArg(args, 1))];
    return a.length === b.length && timingSafeEqual(a, b);
  }),
};
