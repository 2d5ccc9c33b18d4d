import { createPrivateKey, type KeyObject, randomBytes } from "node:crypto";
import {
  bodyContext,
  createResponseVerifier,
  KEYLESS_CONTEXT,
  makeAdminToken,
  parseErrorInformation,
  parseTrusteePin,
  type ResponseVerifier,
  SIGNATURE_HEADER,
  type TrusteePin,
} from "../../protocol/index.ts";
import {
  CaiError,
  catalogue,
  createHttpClient,
  type ErrorId,
  type FlagSpec,
  type HttpClient,
  type HttpResponse,
  isLoopbackHost,
  type Logger,
  printable,
  readTextFile,
} from "../../system/index.ts";

/** The flags of every verb that administers a trustee. */
export const ADMIN_FLAGS = {
  trustee: { kind: "text", value: "URL", default: "http://127.0.0.1:8080", about: "the trustee" },
  "admin-key": { kind: "text", value: "FILE", required: true, about: "the administrator's private key, as `cai trustee init` made it" },
  "as-role": { kind: "text", value: "ROLE", about: "the role to act by, where the key has several" },
  "trustee-pin": { kind: "text", value: "PIN", about: "the trustee's identity: tid:… or spki:sha256:…" },
  ca: { kind: "text", value: "FILE", about: "certificate authorities (PEM) for the trustee's TLS, instead of the built-in ones" },
} as const satisfies Record<string, FlagSpec>;

/** The flag of verbs that work on what one realm has. */
export const REALM_FLAG = {
  realm: {
    kind: "text",
    value: "REALM",
    about: "the prefix of resource paths whose policies and values are meant; by default those of your role, else of the root",
    commandLineOnly: true,
  },
} as const satisfies Record<string, FlagSpec>;

export interface AdminSettings {
  readonly trustee: string;
  readonly "admin-key": string;
  readonly "as-role"?: string | undefined;
  readonly "trustee-pin": string | undefined;
  readonly ca: string | undefined;
}

/** One administrative request. */
export interface AdminCall {
  readonly method: "GET" | "POST" | "DELETE";
  /** below `/kbs/v0/` */
  readonly path: string;
  /** the realm that is meant; undefined leaves it to the trustee */
  readonly realm?: string | undefined;
  readonly body?: Uint8Array | string;
}

/** Whom a trustee releases to: a simulated one takes machines without hardware, which protect nothing (security.md I11). */
type World = "production" | "simulated";

/** An administrator's connection to one trustee. */
export interface TrusteeAdmin {
  readonly world: World;
  /**
   * @returns the answer's body
   * @throws CaiError the trustee's own error id where this program knows it, else `owner.trustee-refused`; `agent.trustee-mismatch`,
   *   `agent.response-mismatch` where somebody else answered; `net.*`
   */
  call(call: AdminCall): Promise<Uint8Array>;
}

const PREFIX = "/kbs/v0/";
/** Characters of a trustee's own words that are shown. */
const MAX_DETAIL = 1000;

/**
 * Connects to a trustee as its administrator. Each request carries a token that is good for that request only (security.md §3.6).
 *
 * @param carries  what will be sent: secrets never travel in the clear
 * @throws CaiError `cli.setting-invalid`, `cli.input-unreadable`, `owner.admin-key-invalid`, `owner.plaintext-trustee`,
 *   `owner.trustee-unauthenticated`, `owner.trustee-mismatch`,
 *   `agent.trustee-mismatch`, `agent.response-mismatch` where the identity is not proved, `net.*`
 */
export async function connectAdmin(
  settings: AdminSettings,
  signal: AbortSignal,
  carries: "secrets" | "settings" = "settings",
): Promise<TrusteeAdmin> {
  const base = parseBase(settings.trustee);
  const pin = settings["trustee-pin"] === undefined ? undefined : parseTrusteePin(settings["trustee-pin"]);
  requireSafeWay(base, pin, carries);
  const key = readAdminKey(settings["admin-key"]);
  const client = createHttpClient({
    ...(pin?.kind === "spki" && { spkiPin: pin.digest }),
    ...(settings.ca !== undefined && { ca: readTextFile(settings.ca) }),
  });
  const { verifier, world } = await proveIdentity(client, base, signal);
  const { tid } = verifier;
  if (pin?.kind === "tid" && pin.tid !== tid) {
    throw new CaiError("owner.trustee-mismatch", `another trustee answers at ${base.origin}`, {
      expected: `tid:${pin.tid}`,
      got: `tid:${tid}`,
    });
  }
  return {
    world,
    async call({ method, path, realm, body = "" }) {
      const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
      const target = fresh(PREFIX + path) + (realm === undefined ? "" : `&realm=${encodeURIComponent(realm)}`);
      const url = new URL(base.pathname.replace(/\/$/, "") + target, base);
      const token = await makeAdminToken(key, tid, { method, target, body: bytes }, Math.floor(Date.now() / 1000), settings["as-role"]);
      const headers = { authorization: `Bearer ${token}`, ...(bytes.length > 0 && { "content-type": "application/octet-stream" }) };
      const answer = await client.request({ method, url, headers, ...(bytes.length > 0 && { body: bytes }), signal });
      if (answer.status !== 200) throw refusal(answer.status, answer.body, `${method} ${path}`);
      // Nobody else may say that a secret was stored or removed, or a policy put in force (security.md §3.4).
      requireSignature(verifier, answer, method, target, method === "GET" ? KEYLESS_CONTEXT : bodyContext(bytes));
      return answer.body;
    },
  };
}

/** Whether a request may go this way at all, before anything is sent: in the clear go no secrets, and nothing to whom nobody knows (I8). */
function requireSafeWay(base: URL, pin: TrusteePin | undefined, carries: "secrets" | "settings"): void {
  if (base.protocol === "https:" || isLoopbackHost(base.hostname)) return;
  if (carries === "secrets") {
    throw new CaiError("owner.plaintext-trustee", `a secret would travel to ${base.origin} in the clear`, {
      expected: "https, or a loopback address",
      got: base.protocol.slice(0, -1),
    });
  }
  if (pin?.kind === "tid") return;
  throw new CaiError("owner.trustee-unauthenticated", `nothing proves who answers at ${base.origin}`, {
    expected: "https, a loopback address, or --trustee-pin tid:…",
    got: base.protocol.slice(0, -1),
  });
}

interface Identity {
  readonly verifier: ResponseVerifier;
  readonly world: World;
}

/** Says that a secret goes where it is not protected, before it goes. */
export function warnOfWorld({ world }: TrusteeAdmin, log: Logger): void {
  if (world === "simulated")
    log.warn("this trustee is a simulated one: it releases secrets to machines without hardware, which protect nothing");
}

/** Asks who the trustee is, and has it prove that by its signature over a question that nobody asked before. */
async function proveIdentity(client: HttpClient, base: URL, signal: AbortSignal): Promise<Identity> {
  const target = fresh(`${PREFIX}cai/identity`);
  const url = new URL(base.pathname.replace(/\/$/, "") + target, base);
  const answer = await client.request({ method: "GET", url, signal });
  const identity = answer.status === 200 ? parseIdentity(answer.body) : undefined;
  if (identity === undefined) {
    throw new CaiError("net.response-invalid", `${base.origin} does not answer like a cai trustee`, {
      expected: "its identity",
      got: `status ${answer.status}`,
    });
  }
  const verifier = createResponseVerifier(identity.tid);
  requireSignature(verifier, answer, "GET", target, KEYLESS_CONTEXT);
  return { verifier, world: identity.world };
}

/** The signature covers the query, so a random one ties the answer to this request: what was recorded before does not pass. */
const fresh = (target: string): string => `${target}?nonce=${randomBytes(16).toString("base64url")}`;

function requireSignature(
  verifier: ResponseVerifier,
  { status, headers, body }: HttpResponse,
  method: string,
  target: string,
  context: Uint8Array,
): void {
  verifier.verify(headers.get(SIGNATURE_HEADER), { method, target, status, body }, [context]);
}

function parseIdentity(body: Uint8Array): { readonly tid: string; readonly world: World } | undefined {
  try {
    const { tid, world } = JSON.parse(new TextDecoder().decode(body)) as { tid?: unknown; world?: unknown };
    const isTid = typeof tid === "string" && /^[A-Za-z0-9_-]{43}$/.test(tid);
    return isTid && (world === "production" || world === "simulated") ? { tid, world } : undefined;
  } catch {
    return undefined;
  }
}

function refusal(status: number, body: Uint8Array, request: string): CaiError {
  let id: string | undefined;
  let detail = "";
  try {
    ({ id, detail } = parseErrorInformation(body));
    detail = printable(detail).slice(0, MAX_DETAIL);
  } catch {
    // An answer of another form still tells its status.
  }
  const known = id !== undefined && Object.hasOwn(catalogue, id) ? (id as ErrorId) : "owner.trustee-refused";
  return new CaiError(known, `the trustee refused ${request}${detail ? `: ${detail}` : ""}`, {
    got: `status ${status}${id ? `, ${id}` : ""}`,
  });
}

function parseBase(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url && (url.protocol === "http:" || url.protocol === "https:") && url.search === "" && url.hash === "") return url;
  throw new CaiError("cli.setting-invalid", `--trustee cannot be ${JSON.stringify(text)}`, {
    expected: "an http or https address",
    got: text,
  });
}

function readAdminKey(path: string): KeyObject {
  const pem = readTextFile(path);
  try {
    const key = createPrivateKey(pem);
    if (key.asymmetricKeyType === "ed25519") return key;
  } catch {
    // told below, without the file's content
  }
  throw new CaiError("owner.admin-key-invalid", `${path} is not an administrator's key`, {
    expected: "an Ed25519 private key in PKCS#8 PEM",
  });
}
