import { afterAll, describe, expect, test } from "bun:test";
import { createHash, generateKeyPairSync } from "node:crypto";
import { createServer } from "node:net";
import { type CaiError, createHttpClient, isLoopbackHost } from "../../src/system/index.ts";
import { rejection } from "../rejection.ts";
import { makeTlsIdentity } from "../tls-identity.ts";

const { cert: certificate, key, spki } = makeTlsIdentity();
const pinOf = (der: Uint8Array) => createHash("sha256").update(der).digest();

const routes = (request: Request): Response | Promise<Response> => {
  switch (new URL(request.url).pathname) {
    case "/large":
      return new Response("x".repeat(2000));
    case "/endless":
      return new Response(new ReadableStream({ pull: (stream) => stream.enqueue(new Uint8Array(1000)) }));
    case "/redirect":
      return new Response(null, { status: 302, headers: { location: "/" } });
    case "/never":
      return new Promise(() => {});
    default:
      return new Response(`${request.method} ${request.headers.get("user-agent")}`);
  }
};
const plain = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: routes });
const secure = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  tls: { cert: certificate, key },
  fetch: routes,
});
const secureUrl = new URL(`https://localhost:${secure.port}/`);
afterAll(() => {
  plain.stop(true);
  secure.stop(true);
});

/** @returns the id of the error of one request */
async function idOf(url: URL | string, options: Parameters<typeof createHttpClient>[0] = {}): Promise<string> {
  return createHttpClient(options)
    .request({ method: "GET", url: new URL(url, plain.url) })
    .then(
      ({ status }) => `status ${status}`,
      (error: CaiError) => error.id,
    );
}

describe("the HTTP client", () => {
  test("gives status, headers and body, and follows no redirect", async () => {
    const answer = await createHttpClient({ userAgent: "test" }).request({ method: "POST", url: plain.url, body: "x" });
    expect([answer.status, new TextDecoder().decode(answer.body)]).toEqual([200, "POST test"]);
    expect(await idOf("/redirect")).toBe("status 302");
  });

  test("reads no more than its limit, announced or not", async () => {
    expect(await idOf("/large", { maxResponseBytes: 2000 })).toBe("status 200");
    expect(await idOf("/large", { maxResponseBytes: 1999 })).toBe("net.response-too-large");
    expect(await idOf("/endless", { maxResponseBytes: 10_000 })).toBe("net.response-too-large");
  });

  test("gives up on a peer that does not answer, and on one that is not there", async () => {
    expect(await idOf("/never", { timeoutMs: 50 })).toBe("net.timeout");
    const closed = createServer().listen(0, "127.0.0.1");
    const { port } = closed.address() as { port: number };
    await new Promise((resolve) => closed.close(resolve));
    expect(await idOf(`http://127.0.0.1:${port}/`)).toBe("net.unreachable");
  });

  test("ends with the caller's reason when the caller gives up", async () => {
    const stop = new AbortController();
    const asked = createHttpClient().request({ method: "GET", url: new URL("/never", plain.url), signal: stop.signal });
    stop.abort(new Error("enough"));
    expect(asked).rejects.toThrow("enough");
  });

  test("refuses a certificate that nobody it trusts has signed, and takes the CA that it is given", async () => {
    expect(await idOf(secureUrl)).toBe("net.tls-failed");
    expect(await idOf(secureUrl, { ca: certificate })).toBe("status 200");
  });

  test("says so where the authorities that it is given are no certificates", () => {
    for (const ca of ["", "\n", "hello", key, certificate.slice(0, 200)])
      expect(rejection(() => createHttpClient({ ca })).id).toBe("cli.setting-invalid");
    createHttpClient({ ca: `# a comment\n${certificate}${certificate}` });
  });

  test("refuses a certificate for another host", async () => {
    expect(await idOf(`https://127.0.0.1:${secure.port}/`, { ca: certificate })).toBe("net.tls-failed");
  });

  test("says what to do where one end speaks TLS and the other does not, and where nobody vouches for the peer", async () => {
    const hintOf = (url: URL | string) =>
      createHttpClient()
        .request({ method: "GET", url: new URL(url) })
        .then(
          () => undefined,
          (error: CaiError) => error.hint,
        );
    expect(await hintOf(String(plain.url).replace("http:", "https:"))).toContain("http://");
    expect(await hintOf(secureUrl)).toContain("--ca FILE");
  });

  test("takes a pinned key besides the chain, refuses another key, and no chain is replaced by a pin", async () => {
    const other = generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey.export({ type: "spki", format: "der" });
    expect(await idOf(secureUrl, { ca: certificate, spkiPin: pinOf(spki) })).toBe("status 200");
    expect(await idOf(secureUrl, { ca: certificate, spkiPin: pinOf(other) })).toBe("net.tls-failed");
    expect(await idOf(secureUrl, { spkiPin: pinOf(spki) })).toBe("net.tls-failed");
    expect(await idOf(`https://127.0.0.1:${secure.port}/`, { ca: certificate, spkiPin: pinOf(spki) })).toBe("net.tls-failed");
  });

  test("sends what is for this machine to no proxy that the environment names", async () => {
    const seen: string[] = [];
    using proxy = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch({ url }) {
        seen.push(url);
        return new Response("from the proxy");
      },
    });
    const before = { ...process.env };
    for (const name of ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"]) process.env[name] = proxy.url.href;
    try {
      const elsewhere = await createHttpClient().request({ method: "POST", url: new URL("http://trustee.invalid/x"), body: "x" });
      expect([seen.length, new TextDecoder().decode(elsewhere.body)]).toEqual([1, "from the proxy"]);
      for (const host of ["127.0.0.1", "localhost"]) {
        const url = new URL(`http://${host}:${plain.port}/`);
        const { body } = await createHttpClient({ userAgent: "test" }).request({ method: "POST", url, body: "secret" });
        expect(new TextDecoder().decode(body)).toBe("POST test");
      }
      expect(await idOf(secureUrl, { ca: certificate })).toBe("status 200");
      expect(seen.length).toBe(1);
    } finally {
      for (const name of ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"]) {
        if (before[name] === undefined) delete process.env[name];
        else process.env[name] = before[name];
      }
    }
  });

  test("sends nothing in plaintext to a peer whose TLS key is pinned", async () => {
    expect(await idOf("/", { spkiPin: pinOf(spki) })).toBe("net.tls-failed");
  });
});

test("a loopback host is told from others, whatever they look like", () => {
  for (const host of ["localhost", "127.0.0.1", "127.9.9.9", "::1", "[::1]", "LOCALHOST"]) expect(isLoopbackHost(host)).toBe(true);
  for (const host of ["127.0.0.1.evil.example", "localhost.evil.example", "10.0.0.1", "0.0.0.0", "::", "1270.0.0.1", "example"])
    expect(isLoopbackHost(host)).toBe(false);
});
