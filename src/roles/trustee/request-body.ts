import { CaiError } from "../../system/index.ts";

/**
 * Reads a request's body whole.
 *
 * @param limit      bytes; more are refused before they are kept
 * @param timeoutMs  how long the whole body may take, however slowly it trickles
 * @param take       is told of each part's size before it is kept, and may throw to refuse it
 * @param givenUp    ends the reading before its time, where others need the room
 * @throws CaiError `kbs.request-too-large`, `kbs.request-timeout`
 */
export async function readBody(
  request: Request,
  limit: number,
  timeoutMs: number,
  take: (bytes: number) => void,
  givenUp?: AbortSignal,
): Promise<Uint8Array> {
  if (Number(request.headers.get("content-length") ?? "0") > limit) throw tooLarge(limit);
  if (request.body === null) return new Uint8Array(0);
  const reader = request.body.getReader();
  // What a sender that went away makes of this is of no interest: reading it fails, too, and that is what counts.
  const stop = () => reader.cancel().catch(() => undefined);
  let timedOut = false;
  const giveUp = () => {
    timedOut = true;
    void stop();
  };
  const timer = setTimeout(giveUp, timeoutMs);
  givenUp?.addEventListener("abort", giveUp);
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read().catch((cause) => {
        throw new CaiError("kbs.request-timeout", "the client went away before its body was whole", { cause });
      });
      if (timedOut) throw new CaiError("kbs.request-timeout", "the request's body took too long to arrive");
      if (done) break;
      size += value.length;
      if (size > limit) throw tooLarge(limit);
      take(value.length);
      chunks.push(value);
    }
  } finally {
    clearTimeout(timer);
    givenUp?.removeEventListener("abort", giveUp);
    // After the end this does nothing; after a refusal it stops the sender.
    void stop();
  }
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, size);
}

function tooLarge(limit: number): CaiError {
  return new CaiError("kbs.request-too-large", "the request's body is too large", { expected: `at most ${limit} bytes` });
}
