import { z } from "zod";
import { CaiError } from "../../system/index.ts";
import type { TrusteeAdmin } from "./trustee-admin.ts";

const PATH = "cai/signers";

const seconds = z.int().min(0).max(253_402_300_799);
const signer = z.object({
  kid: z.string().regex(/^[A-Za-z0-9_-]{43}$/),
  alg: z.string().max(16),
  state: z.enum(["upcoming", "signing", "accepted", "retired"]),
  from: seconds,
  until: seconds.nullable(),
  accepted_until: seconds.nullable(),
});

/** A key that a trustee signs tokens with, or did. Times are seconds since 1970. */
export type Signer = z.output<typeof signer>;

/** @throws CaiError `net.response-invalid`, and what the trustee refuses */
export async function listSigners(admin: TrusteeAdmin): Promise<Signer[]> {
  return answer(z.array(signer).max(64), await admin.call({ method: "GET", path: PATH }));
}

/** What the new signer is for, and when it begins; `alone` has tokens of earlier ones refused from then on. */
export interface Rotation {
  readonly alg: string;
  /** seconds since 1970; default: now, by the trustee's clock */
  readonly from?: number;
  readonly alone: boolean;
}

/** @returns the new signer's key id */
export async function rotateSigner(admin: TrusteeAdmin, rotation: Rotation): Promise<string> {
  const body = await admin.call({ method: "POST", path: PATH, body: JSON.stringify(rotation) });
  return answer(signer.pick({ kid: true }), body).kid;
}

function answer<Schema extends z.ZodType>(schema: Schema, body: Uint8Array): z.output<Schema> {
  try {
    return schema.parse(JSON.parse(new TextDecoder().decode(body)));
  } catch (cause) {
    throw new CaiError("net.response-invalid", "the trustee's answer about its signers cannot be read", { cause });
  }
}
