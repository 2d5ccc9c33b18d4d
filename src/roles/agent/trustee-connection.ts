import { setTimeout as delay } from "node:timers/promises";
import { createResponseVerifier, KBS_PREFIX, type ResponseVerifier, SIGNATURE_HEADER, type TrusteePin } from "../../protocol/index.ts";
import {
  CaiError,
  createHttpClient,
  type HttpClient,
  type HttpClientOptions,
  type HttpResponse,
  isLoopbackHost,
  version,
} from "../../system/index.ts";

/** Where the trustee is and how it is recognised. */
export interface TrusteeSettings {
  /** base address, without `/kbs/v0` */
  readonly trustee: URL;
  readonly pin?: TrusteePin;
  /** PEM of the only certificate authorities to trust for TLS; default: the built-in set */
  readonly ca?: string;
  readonly retry?: RetrySettings;
  /** makes the HTTP client; a TLS pin reaches it as an option and cannot get lost */
  readonly createHttp?: (options: HttpClientOptions) => HttpClient;
}

interface RetrySettings {
  /** how often a trustee that is away or busy is asked in all; default 5 (agent.md §3.3) */
  readonly attempts?: number;
  /** milliseconds between two attempts; default 1000 */
  readonly pauseMs?: number;
}

/** One request to the trustee. */
interface TrusteeRequest {
  readonly method: "GET" | "POST";
  /** path below `/kbs/v0`, with its leading slash */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal?: AbortSignal;
  /** what may tie the answer to this request, given its status (security.md §3.4) */
  contexts(status: number): readonly Uint8Array[];
}

export interface TrusteeAnswer extends HttpResponse {
  /** Checks the answer against an identity that became known through it. @throws CaiError as `send` */
  requireSignature(verifier: ResponseVerifier): void;
}

/** The way to one trustee: every answer that comes out of it was authenticated as far as the settings allow. */
export interface TrusteeConnection {
  readonly base: string;
  /** the identity that the trustee must have: the pinned one, or the one adopted */
  readonly tid: string | undefined;
  /**
   * Sends a request; while the trustee is away or busy, a bounded number of times.
   *
   * @throws CaiError `agent.trustee-unreachable`, `agent.token-too-large`, `agent.trustee-mismatch`, `agent.response-mismatch`, `net.tls-failed`,
   *   `net.response-too-large`, or the reason of an aborted signal
   */
  send(request: TrusteeRequest): Promise<TrusteeAnswer>;
  /** From now on answers must be signed by this identity. @throws CaiError `agent.trustee-mismatch` where another one is known */
  adopt(verifier: ResponseVerifier): void;
}

const MAX_RETRY_AFTER_MS = 10_000;
const MAX_ANSWER = 8 * 1024 * 1024;
const TIMEOUT_MS = 60_000;
/** RFC 6585 §5. A server or proxy says so before the trustee's program sees the request, so nothing is signed, and nothing of it is believed. */
const HEADERS_TOO_LARGE = 431;

/**
 * @throws CaiError `agent.trustee-unauthenticated` where nothing would prove who answers (security.md I8), `cli.setting-invalid`
 */
export function connectTrustee({ trustee, pin, ca, retry = {}, createHttp = createHttpClient }: TrusteeSettings): TrusteeConnection {
  requireAuthenticated(trustee, pin);
  const { attempts = 5, pauseMs = 1000 } = retry;
  const base = (trustee.origin + trustee.pathname).replace(/\/+$/, "");
  const http = createHttp({
    timeoutMs: TIMEOUT_MS,
    maxResponseBytes: MAX_ANSWER,
    userAgent: `attestation-agent-kbs-client/${version}`,
    ...(pin?.kind === "spki" && { spkiPin: pin.digest }),
    ...(ca !== undefined && { ca }),
  });
  let verifier = pin?.kind === "tid" ? createResponseVerifier(pin.tid) : undefined;

  return {
    base,
    get tid() {
      return verifier?.tid;
    },
    adopt(found) {
      if (verifier && verifier.tid !== found.tid) throw otherTrustee(verifier.tid, found.tid);
      verifier ??= found;
    },
    async send(request) {
      const { method, path, headers, body, signal } = request;
      const target = KBS_PREFIX + path;
      const url = new URL(base + target);
      const tried: string[] = [];
      for (let attempt = 1; ; attempt++) {
        signal?.throwIfAborted();
        const outcome = await once(http, { method, url, ...(headers && { headers }), ...(body && { body }), ...(signal && { signal }) });
        if ("response" in outcome) {
          if (outcome.response.status === HEADERS_TOO_LARGE) throw tokenTooLarge(url);
          const answer = authenticable(outcome.response, method, target, request);
          if (verifier) answer.requireSignature(verifier);
          return answer;
        }
        tried.push(`attempt ${attempt}: ${outcome.why}`);
        if (attempt >= attempts || outcome.final) throw unreachable(url, tried, outcome.cause);
        await delay(Math.max(pauseMs, outcome.waitMs), undefined, signal && { signal });
      }
    },
  };
}

type Outcome =
  | { readonly response: HttpResponse }
  | { readonly why: string; readonly final: boolean; readonly waitMs: number; readonly cause?: unknown };

async function once(http: HttpClient, request: Parameters<HttpClient["request"]>[0]): Promise<Outcome> {
  try {
    const response = await http.request(request);
    if (response.status !== 503) return { response };
    const seconds = Number(response.headers.get("retry-after") ?? 0);
    const waitMs = Number.isFinite(seconds) ? Math.min(Math.max(seconds * 1000, 0), MAX_RETRY_AFTER_MS) : 0;
    return { why: "it cannot answer now (status 503)", final: false, waitMs };
  } catch (cause) {
    if (!(cause instanceof CaiError)) throw cause;
    // A request that timed out has waited long enough: asking four more times would keep the user for minutes.
    if (cause.id === "net.unreachable") return { why: describe(cause), final: false, waitMs: 0, cause };
    if (cause.id === "net.timeout") return { why: describe(cause), final: true, waitMs: 0, cause };
    if (cause.id === "net.tls-failed" && cause.expected?.startsWith("spki:")) {
      throw new CaiError("agent.trustee-mismatch", "another trustee answered than the pinned one", {
        expected: cause.expected,
        ...(cause.got !== undefined && { got: cause.got }),
        cause,
      });
    }
    throw cause;
  }
}

function authenticable(response: HttpResponse, method: string, target: string, request: TrusteeRequest): TrusteeAnswer {
  const { status, body, headers } = response;
  return {
    ...response,
    requireSignature: (verifier) =>
      verifier.verify(headers.get(SIGNATURE_HEADER), { method, target, status, body }, request.contexts(status)),
  };
}

/** I8: over plain HTTP across a network, only the trustee's own signature proves who answers. */
function requireAuthenticated(trustee: URL, pin: TrusteePin | undefined): void {
  if (trustee.protocol === "https:") return;
  if (trustee.protocol !== "http:") {
    throw new CaiError("cli.setting-invalid", "the trustee's address is not one of the web", {
      expected: "https://…",
      got: trustee.protocol,
    });
  }
  if (pin?.kind === "tid" || (pin === undefined && isLoopbackHost(trustee.hostname))) return;
  throw new CaiError("agent.trustee-unauthenticated", `nothing proves who answers at ${trustee.origin}`, {
    expected: "https, a loopback address, or a pin tid:…",
    got: pin === undefined ? "plain HTTP without a pin" : "plain HTTP with a TLS pin",
    hint: "`cai trustee init` prints the identity for --trustee-pin tid:…",
  });
}

export function otherTrustee(expected: string, got: string): CaiError {
  return new CaiError("agent.trustee-mismatch", "another trustee answered than the expected one", {
    expected: `tid:${expected}`,
    got: `tid:${got}`,
  });
}

function tokenTooLarge(url: URL): CaiError {
  return new CaiError("agent.token-too-large", `the token makes larger headers than ${url.origin} takes`, {
    got: `status ${HEADERS_TOO_LARGE}`,
    hint: "raise the limit of header sizes of the proxy before the trustee",
  });
}

function unreachable(url: URL, tried: readonly string[], cause: unknown): CaiError {
  const times = tried.length === 1 ? "1 attempt" : `${tried.length} attempts`;
  return new CaiError("agent.trustee-unreachable", `no answer from ${url.href} after ${times}`, {
    got: tried.join("; "),
    hint: "check the address, that the trustee runs (`cai trustee serve`), and the network between",
    cause,
  });
}

function describe(error: CaiError): string {
  return error.got === undefined ? error.message : `${error.message} (${error.got})`;
}
