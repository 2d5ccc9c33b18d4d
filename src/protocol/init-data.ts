import { createHash } from "node:crypto";
import { parse } from "smol-toml";
import { z } from "zod";
import { CaiError, type JsonObject } from "../system/index.ts";

const document = z.object({
  version: z.string().max(32),
  algorithm: z.enum(["sha256", "sha384", "sha512"]),
  data: z.record(z.string().max(256), z.string()).default({}),
});

/** Init data as it came, and what binds it. */
export interface InitDataClaims {
  /** the digest of the exact text, 32, 48 or 64 bytes; a platform's field holds it cut or zero-filled (trustee.md §1.7) */
  readonly digest: Uint8Array;
  /** the `[data]` table; a claim only where the platform's field equals the digest (security.md I18) */
  readonly claims: JsonObject;
}

/**
 * Reads the TOML text of init data (trustee.md §4.3).
 *
 * @throws CaiError `kbs.init-data-invalid`
 */
export function readInitData(text: string): InitDataClaims {
  let value: unknown;
  try {
    value = parse(text);
  } catch {
    throw invalid("TOML", "another text");
  }
  const result = document.safeParse(value);
  if (!result.success) throw invalid("version, algorithm (sha256, sha384, sha512) and [data] of texts", "other members");
  return { digest: createHash(result.data.algorithm).update(text).digest(), claims: result.data.data };
}

function invalid(expected: string, got: string): CaiError {
  return new CaiError("kbs.init-data-invalid", `the init data is not of the known form: expected ${expected}, got ${got}`, {
    expected,
    got,
  });
}
