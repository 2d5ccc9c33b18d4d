import { z } from "zod";
import type { PeerFamily } from "../../../protocol/index.ts";
import { CaiError, type JsonValue } from "../../../system/index.ts";
import { inField } from "./problem.ts";

/** A flat map of texts (trustee.md §4.4). */
const message = z.record(z.string().max(64), z.string().max(4096));

/**
 * Reads the body of POST challenge. Without a platform it asks for a nonce, in either family. None of the platforms that are verified here has a
 * challenge of its own, and theirs is empty.
 *
 * @param tees  the platforms that are verified
 * @throws CaiError `kbs.message-malformed`, `kbs.tee-unsupported`
 */
export function readChallengeRequest(
  body: JsonValue,
  tees: Pick<ReadonlyMap<string, unknown>, "has">,
  family: PeerFamily,
): "nonce" | "nothing" {
  const parsed = message.safeParse(body);
  if (!parsed.success) throw new CaiError("kbs.message-malformed", "the challenge request is not a flat map of texts");
  const { tee, tee_params: params } = parsed.data;
  if (tee === undefined) return "nonce";
  if (!tees.has(tee)) throw inField(new CaiError("kbs.tee-unsupported", "there are no challenges for the platform", { got: tee }), "tee");
  if (family === "coco" && params === undefined) {
    throw inField(new CaiError("kbs.message-malformed", "the challenge request has no parameters for its platform"), "tee_params");
  }
  return "nothing";
}
