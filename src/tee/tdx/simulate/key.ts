import { hkdfSync } from "node:crypto";
import { p256 } from "@noble/curves/nist.js";

/** A P-256 key pair of a simulated platform. Its signatures are deterministic (RFC 6979), so that a platform is the same for the same seed. */
export interface SimulatedKey {
  /** 65 bytes, 04 ‖ x ‖ y */
  readonly point: Uint8Array;
  /** @returns r ‖ s over SHA-256 of the message, 64 bytes */
  readonly sign: (message: Uint8Array) => Uint8Array;
}

/** `size` bytes that only who knows the seed can tell, another string for each label. */
export const derive = (seed: Uint8Array, label: string, size: number): Uint8Array =>
  new Uint8Array(hkdfSync("sha256", seed, "cai/simulated-tdx/v1", label, size));

/** A positive serial number of 16 bytes. */
export const deriveSerial = (seed: Uint8Array, label: string): bigint => BigInt(`0x01${derive(seed, `serial ${label}`, 15).toHex()}`);

/** The key of a label: 48 derived bytes, reduced into 1 … n − 1 (tdx.md §5.2). */
export function deriveKey(seed: Uint8Array, label: string): SimulatedKey {
  const wide = BigInt(`0x${derive(seed, `key ${label}`, 48).toHex()}`);
  const scalar = (wide % (p256.Point.Fn.ORDER - 1n)) + 1n;
  const secret = Uint8Array.fromHex(scalar.toString(16).padStart(64, "0"));
  return { point: p256.getPublicKey(secret, false), sign: (message) => p256.sign(message, secret, { lowS: false }) };
}
