import { createCipheriv, createDecipheriv } from "node:crypto";
import { CaiError } from "../system/index.ts";
import { type Header, resourcePath, type WrappedSlot } from "./header.ts";
import { KEY_SIZE, kekId, sha256, wrapKey } from "./keys.ts";
import { TAG_SIZE } from "./layout.ts";

const CIPHER = "aes-256-gcm";

/** What the caller knows of the key: never taken from the artefact (I29). */
export interface SlotExpectation {
  /** `repository/type/tag` of the resource that the key is; absent for a key that comes from a file */
  readonly resourcePath?: string;
}

/** A key to wrap a new artefact's data key under. */
export interface Recipient {
  /** 32 bytes */
  readonly kek: Uint8Array;
  /** `kbs:///repository/type/tag` where the key is a resource; absent for a key file */
  readonly uri?: string;
  /** whether the slot names the key's generation; default true */
  readonly kid?: boolean;
}

/** Wraps `dek` for one recipient. @param nonce  12 random bytes */
export function wrapDek(dek: Uint8Array, id: Uint8Array, coreHash: Uint8Array, to: Recipient, nonce: Uint8Array): WrappedSlot {
  if (to.uri !== undefined && resourcePath(to.uri) === undefined) {
    throw new CaiError("cli.usage", "the resource of the key is not valid", { expected: "kbs:///<repository>/<type>/<tag>", got: to.uri });
  }
  const key = wrapKey(to.kek, id, coreHash);
  const cipher = createCipheriv(CIPHER, key, nonce);
  cipher.setAAD(slotContext(coreHash, to.uri));
  const wrapped = Buffer.concat([cipher.update(dek), cipher.final(), cipher.getAuthTag()]);
  key.fill(0);
  return {
    alg: "A256GCMKW",
    ...(to.uri !== undefined && { uri: to.uri }),
    ...((to.kid ?? true) && { kid: kekId(to.kek) }),
    nonce,
    wrapped: new Uint8Array(wrapped),
  };
}

/**
 * Opens the data key from the slots that are for the expected resource.
 *
 * @throws CaiError `model.slot-unsupported`, `model.slot-foreign`, `model.key-wrong`
 */
export function unwrapDek(header: Header, kek: Uint8Array, expectation: SlotExpectation): Uint8Array {
  if (kek.length !== KEY_SIZE) {
    throw new CaiError("model.key-wrong", "the key has the wrong length", { expected: `${KEY_SIZE} bytes`, got: `${kek.length} bytes` });
  }
  const key = wrapKey(kek, header.core.id, header.coreHash);
  try {
    for (const slot of slotsFor(header, expectation)) {
      const dek = open(slot, key, header.coreHash);
      if (dek !== undefined) return dek;
    }
  } finally {
    key.fill(0);
  }
  throw new CaiError("model.key-wrong", "the key opens no slot of the artefact that is for it");
}

function slotsFor(header: Header, expectation: SlotExpectation): WrappedSlot[] {
  const known = header.slots.filter((slot): slot is WrappedSlot => !("unknown" in slot));
  if (known.length === 0) {
    throw new CaiError("model.slot-unsupported", "no slot of the artefact is of a kind that this release opens", {
      expected: "A256GCMKW",
      got: header.slots.map((slot) => slot.alg.slice(0, 40)).join(", "),
    });
  }
  const path = (slot: WrappedSlot) => (slot.uri === undefined ? undefined : resourcePath(slot.uri));
  const matching = known.filter((slot) => path(slot) === expectation.resourcePath);
  if (matching.length === 0) {
    const name = (resource: string | undefined) => (resource === undefined ? "a key file" : `kbs:///${resource}`);
    throw new CaiError("model.slot-foreign", "no slot of the artefact is for the expected key", {
      expected: name(expectation.resourcePath),
      got: known.map((slot) => name(path(slot))).join(", "),
    });
  }
  return matching;
}

function open(slot: WrappedSlot, key: Uint8Array, coreHash: Uint8Array): Uint8Array | undefined {
  const decipher = createDecipheriv(CIPHER, key, slot.nonce);
  decipher.setAAD(slotContext(coreHash, slot.uri));
  decipher.setAuthTag(slot.wrapped.subarray(-TAG_SIZE));
  const dek = decipher.update(slot.wrapped.subarray(0, -TAG_SIZE));
  try {
    decipher.final();
  } catch {
    return undefined;
  }
  return dek;
}

/** AAD = coreHash ‖ SHA-256(uri), with the empty text where there is no uri (model-format.md §3.3). */
function slotContext(coreHash: Uint8Array, uri = ""): Uint8Array {
  return Buffer.concat([coreHash, sha256(new TextEncoder().encode(uri))]);
}
