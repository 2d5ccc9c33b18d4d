import { CaiError, createHttpClient } from "../../system/index.ts";
import { readInput } from "./input.ts";

/** How long one download may take, milliseconds. */
const TIMEOUT_MS = 30_000;

/**
 * Reads what a user named: a file, `-` for standard input, or an http(s) URL. Whatever comes over plain HTTP has to prove itself, as a file has.
 *
 * @param limit  bytes
 * @throws CaiError `cli.input-unreadable`, also for more than the limit and for an answer other than 200; `net.…` where the server is not reached
 */
export async function readSource(source: string, limit: number, signal: AbortSignal): Promise<Uint8Array> {
  const url = urlOf(source);
  if (url === undefined) return readInput(source, limit);
  const client = createHttpClient({ timeoutMs: TIMEOUT_MS, maxResponseBytes: limit });
  const { status, body } = await client.request({ method: "GET", url, signal });
  if (status === 200) return body;
  // Credentials and tokens in an address are nobody's business; the rest says where it went wrong.
  const hint = status >= 300 && status < 400 ? "redirects are not followed; name the place it leads to" : "check the address";
  throw new CaiError("cli.input-unreadable", `cannot read ${url.origin}${url.pathname}`, {
    expected: "HTTP status 200",
    got: `${status}`,
    hint,
  });
}

/** True where a user named a web server's resource, not a file. */
export const isUrl = (source: string): boolean => /^https?:\/\//i.test(source);

function urlOf(source: string): URL | undefined {
  if (!isUrl(source)) return undefined;
  const url = URL.parse(source);
  if (url === null) throw new CaiError("cli.usage", "the address is no URL", { expected: "http(s)://host/path" });
  return url;
}
