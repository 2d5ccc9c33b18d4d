import { generateKeyPairSync } from "node:crypto";
import { publicJwkOf } from "../../src/crypto/index.ts";
import { parseTeeKey } from "../../src/protocol/index.ts";

/** A trustee's identity and a guest's key for tests. */
export const TID = "tid".padEnd(43, "A");
export const OTHER_TID = "tid".padEnd(43, "B");
export const teePair = generateKeyPairSync("ec", { namedCurve: "P-256" });
export const teeKey = parseTeeKey({ ...publicJwkOf(teePair.publicKey), alg: "ECDH-ES+A256KW" });
export const POLICY_HASH = "ab".repeat(48);
export const NOW = 1_900_000_000;

export const utf8 = (text: string) => new TextEncoder().encode(text);
export const json = (value: unknown) => utf8(JSON.stringify(value));
