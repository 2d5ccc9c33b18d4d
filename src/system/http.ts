import { createHash, timingSafeEqual, X509Certificate } from "node:crypto";
import { checkServerIdentity, type PeerCertificate } from "node:tls";
import { CaiError } from "./error.ts";

/** How a client reaches its peers. There is no setting that turns certificate checks off (security.md I39). */
export interface HttpClientOptions {
  /** milliseconds until one request is given up; default 60,000 (trustee.md §1.1) */
  readonly timeoutMs?: number;
  /** the largest answer that is read, in bytes; default 4 MiB */
  readonly maxResponseBytes?: number;
  /** SHA-256 of the SubjectPublicKeyInfo that the peer's TLS certificate must have, 32 bytes; checked besides its chain */
  readonly spkiPin?: Uint8Array;
  /** PEM of the only certificate authorities to trust; default: the built-in set */
  readonly ca?: string;
  readonly userAgent?: string;
}

export interface HttpRequest {
  readonly method: "GET" | "POST" | "PUT" | "DELETE" | "HEAD";
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
  readonly signal?: AbortSignal;
}

/** An answer, whatever its status. Redirects are answers too: no client of ours follows one, for it would leave the pinned peer. */
export interface HttpResponse {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Uint8Array<ArrayBuffer>;
}

export interface HttpClient {
  /**
   * @throws CaiError `net.unreachable`, `net.timeout`, `net.tls-failed`, `net.response-too-large`
   */
  request(request: HttpRequest): Promise<HttpResponse>;
}

const DEFAULT_TIMEOUT_MS = 60_000;
const DEFAULT_MAX_RESPONSE = 4 * 1024 * 1024;

/**
 * What is trusted because it stays on this machine must stay on it, whatever `HTTP_PROXY` says; without this the runtime would hand secrets to the
 * proxy. The runtime takes `false` here, its types do not know it.
 */
const NO_PROXY = { proxy: false as unknown as string };

/**
 * The only way out of this program over HTTP: certificates are always checked, answers are bounded in size and time.
 *
 * @throws CaiError `cli.setting-invalid` where `ca` holds no certificate: the runtime would only say that there is no connection
 */
export function createHttpClient(options: HttpClientOptions = {}): HttpClient {
  const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  const maxResponseBytes = options.maxResponseBytes ?? DEFAULT_MAX_RESPONSE;
  const { spkiPin, ca, userAgent = "cai" } = options;
  if (ca !== undefined) requireCertificate(ca);
  const tls = {
    rejectUnauthorized: true,
    ...(ca !== undefined && { ca }),
    ...(spkiPin !== undefined && { checkServerIdentity: (host: string, peer: PeerCertificate) => checkPin(spkiPin, host, peer) }),
  };

  return {
    async request({ method, url, headers = {}, body, signal }) {
      if (spkiPin !== undefined && url.protocol !== "https:") {
        throw new CaiError("net.tls-failed", `a TLS pin is given, but ${url.origin} has no TLS`, {
          expected: "https",
          got: url.protocol.slice(0, -1),
        });
      }
      const timeout = AbortSignal.timeout(timeoutMs);
      try {
        const response = await fetch(url, {
          method,
          headers: { "user-agent": userAgent, "accept-encoding": "identity", ...headers },
          ...(body !== undefined && { body }),
          redirect: "manual",
          decompress: false,
          signal: signal ? AbortSignal.any([timeout, signal]) : timeout,
          tls,
          ...(isLoopbackHost(url.hostname) && NO_PROXY),
        });
        return { status: response.status, headers: response.headers, body: await readBounded(response, maxResponseBytes, url) };
      } catch (error) {
        if (signal?.aborted) throw signal.reason;
        throw asCaiError(error, url, timeout.aborted, timeoutMs);
      }
    },
  };
}

/** @returns true where `host` (of a URL, so possibly in brackets) can only be this machine */
export function isLoopbackHost(host: string): boolean {
  const name = host.replace(/^\[|\]$/g, "").toLowerCase();
  return name === "localhost" || name === "::1" || /^127(\.\d{1,3}){3}$/.test(name);
}

async function readBounded(response: Response, limit: number, url: URL): Promise<Uint8Array<ArrayBuffer>> {
  const tooLarge = (got: string) =>
    new CaiError("net.response-too-large", `the answer of ${url.origin} is too large`, { expected: `at most ${limit} bytes`, got });
  const announced = Number(response.headers.get("content-length") ?? 0);
  if (announced > limit) throw tooLarge(`${announced} bytes`);
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of response.body ?? []) {
    size += part.length;
    if (size > limit) throw tooLarge("more");
    parts.push(part);
  }
  const whole = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function requireCertificate(ca: string): void {
  try {
    new X509Certificate(ca);
  } catch {
    throw new CaiError("cli.setting-invalid", "the file of certificate authorities holds no certificate", {
      expected: "certificates in PEM",
      got: "another text",
    });
  }
}

function checkPin(pin: Uint8Array, host: string, peer: PeerCertificate): Error | undefined {
  // A check of one's own replaces the runtime's, so the name is compared here too: a pin only ever adds.
  const mismatch = checkServerIdentity(host, peer);
  if (mismatch) return mismatch;
  const spki = new X509Certificate(peer.raw).publicKey.export({ type: "spki", format: "der" });
  const got = createHash("sha256").update(spki).digest();
  if (got.length === pin.length && timingSafeEqual(got, pin)) return undefined;
  return new CaiError("net.tls-failed", `${host} has another key than the pinned one`, {
    expected: `spki:sha256:${Buffer.from(pin).toString("base64url")}`,
    got: `spki:sha256:${got.toString("base64url")}`,
  });
}

function asCaiError(error: unknown, url: URL, timedOut: boolean, timeoutMs: number): CaiError {
  if (error instanceof CaiError) return error;
  if (timedOut) return new CaiError("net.timeout", `${url.origin} did not answer within ${timeoutMs / 1000} s`, { cause: error });
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  if (code === "CERT_HAS_EXPIRED") {
    return new CaiError("net.tls-failed", `the certificate of ${url.origin} has expired`, {
      got: code,
      hint: "Whoever runs the peer must renew it; see that the clock of this machine is right.",
      cause: error,
    });
  }
  if (/CERT|TLS|SSL|SIGNATURE|ALTNAME/.test(code)) {
    return new CaiError("net.tls-failed", `the certificate of ${url.origin} was not accepted`, {
      got: code,
      hint: "Name its certificate authority with --ca FILE (a trustee's own is printed by `cai trustee ca` on its machine), and call it by a name that its certificate has.",
      cause: error,
    });
  }
  // One end of a connection speaks TLS and the other does not.
  const hint =
    url.protocol === "https:" && code === "EPROTO"
      ? { hint: `Something answers there that speaks no TLS: try http:// if that is meant.` }
      : {};
  return new CaiError("net.unreachable", `no connection to ${url.origin}`, { ...(code && { got: code }), ...hint, cause: error });
}
