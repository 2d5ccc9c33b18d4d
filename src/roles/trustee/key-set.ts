import { createPublicKey, type KeyObject } from "node:crypto";
import { z } from "zod";
import { algorithmsOf } from "../../protocol/index.ts";

type JsonWebKey = Extract<Parameters<typeof createPublicKey>[0], { format: "jwk" }>["key"];

/** One key that signs admin tokens, by the id that token headers name it with. */
export interface SetKey {
  readonly kid: string | undefined;
  readonly key: KeyObject;
}

const MAX_KEYS = 64;

const keySet = z.object({
  keys: z
    .array(
      z.looseObject({
        kty: z.string().max(16),
        use: z.string().max(16).optional(),
        kid: z.string().max(256).optional(),
      }),
    )
    .max(MAX_KEYS),
});

/** @returns the public keys of a JWK set that can sign (RFC 7517), others are skipped; undefined for a text that is no set, or has none */
export function parseKeySet(text: string): SetKey[] | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const result = keySet.safeParse(value);
  if (!result.success) return undefined;
  const keys = result.data.keys.flatMap((jwk): SetKey[] => {
    const key = jwk.use === undefined || jwk.use === "sig" ? importKey(jwk as JsonWebKey) : undefined;
    return key === undefined || algorithmsOf(key).length === 0 ? [] : [{ kid: jwk.kid, key }];
  });
  return keys.length === 0 ? undefined : keys;
}

/** @returns those that a token's header may mean: the named one, all where it names none */
export function keysNamed(keys: readonly SetKey[], kid: string | undefined): KeyObject[] {
  return keys.filter((each) => kid === undefined || each.kid === kid).map(({ key }) => key);
}

function importKey({ kty, crv, x, y, n, e }: JsonWebKey): KeyObject | undefined {
  try {
    // The public members alone: a set that holds a private or symmetric key has none that counts.
    const members = Object.entries({ kty, crv, x, y, n, e }).filter(([, value]) => value !== undefined);
    return createPublicKey({ key: Object.fromEntries(members) as JsonWebKey, format: "jwk" });
  } catch {
    return undefined;
  }
}
