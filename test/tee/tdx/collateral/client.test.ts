import { afterAll, describe, expect, test } from "bun:test";
import { createHttpClient, type HttpClientOptions } from "../../../../src/system/index.ts";
import {
  type CollateralClientOptions,
  collateralClient,
  metadataClient,
  obtainCollateral,
  simulatedPccs,
} from "../../../../src/tee/tdx/index.ts";
import { makeTlsIdentity } from "../../../tls-identity.ts";
import { anchors, errorId, NOW } from "../testing.ts";
import { issuedAt, request, service } from "./services.ts";

const collateral = issuedAt(NOW);
const honest = simulatedPccs(() => collateral);
const { cert, key } = makeTlsIdentity();

/** Answers as the first part of the path says; the rest is the path of a PCCS. */
const routes = (received: Request): Response | Promise<Response> => {
  const { pathname, search, origin } = new URL(received.url);
  const [, fault, ...rest] = pathname.split("/");
  const answer = honest(new Request(`${origin}/${rest.join("/")}${search}`));
  if (!pathname.endsWith("/tcb")) return answer;
  switch (fault) {
    case "never":
      return new Promise(() => undefined);
    case "drip":
      return new Response(
        new ReadableStream({ pull: () => new Promise(() => undefined), start: (stream) => stream.enqueue(new Uint8Array(1)) }),
      );
    case "flood":
      return new Response(new ReadableStream({ pull: (stream) => stream.enqueue(new Uint8Array(64 * 1024)) }));
    case "large":
      return new Response("x".repeat(1024 * 1024 + 1));
    case "redirect":
      return Response.redirect(`${origin}/honest/${rest.join("/")}${search}`, 302);
    default:
      return answer;
  }
};
const plain = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: routes });
const secure = Bun.serve({ port: 0, hostname: "127.0.0.1", tls: { cert, key }, fetch: routes });
afterAll(async () => {
  await plain.stop(true);
  await secure.stop(true);
});

/** @returns `done`, or the reason in the message */
async function outcome(address: string, options: CollateralClientOptions = {}): Promise<string> {
  const client = collateralClient(options);
  try {
    await obtainCollateral([service(address)], request, { client, readFile: () => [], anchors, now: () => NOW });
    return "done";
  } catch (error) {
    return /(?:net|tdx)\.[a-z-]+(?=: [^:]*$|: )/.exec((error as Error).message)?.[0] ?? String(error);
  }
}
const at = (fault: string) => `http://127.0.0.1:${plain.port}/${fault}`;

describe("the client that asks services", () => {
  test("gets a set over a real connection, headers of several kilobytes and all", async () => {
    expect(await outcome(at("honest"))).toBe("done");
  });

  test("reads no more than a mebibyte, and follows nobody elsewhere", async () => {
    expect(await outcome(at("large"))).toBe("net.response-too-large");
    expect(await outcome(at("flood"))).toBe("net.response-too-large");
    expect(await outcome(at("redirect"))).toBe("net.response-invalid");
  });

  test("gives up on a service that does not answer, and on one that trickles", async () => {
    const impatient = { createHttp: (options: HttpClientOptions) => createHttpClient({ ...options, timeoutMs: 60 }) };
    expect(await outcome(at("never"), impatient)).toBe("net.timeout");
    expect(await outcome(at("drip"), impatient)).toBe("net.timeout");
  });

  test("takes a certificate of the service's own making only where its operator named it, and never just any (I39)", async () => {
    const address = `https://localhost:${secure.port}/honest`;
    expect(await outcome(address)).toBe("net.tls-failed");
    expect(await outcome(address, { ca: makeTlsIdentity().cert })).toBe("net.tls-failed");
    expect(await outcome(address, { ca: cert })).toBe("done");
    expect(errorId(() => collateralClient({ ca: "none" }))).toBe("cli.setting-invalid");
  });

  test("keeps the built-in authorities for well-known services", async () => {
    const used: string[] = [];
    const createHttp = (options: HttpClientOptions) => ({
      request: ({ url }: { url: URL }) => {
        used.push(`${url.hostname} ${options.ca === undefined ? "built-in" : "own"}`);
        return Promise.reject(new Error("no network"));
      },
    });
    const client = collateralClient({ ca: cert, createHttp });
    const hosts = [
      "api.trustedservices.intel.com",
      "certificates.trustedservices.intel.com",
      "sgx-dcap-server.cn-beijing.aliyuncs.com",
      "pccs.example",
    ];
    for (const host of hosts) await client.request({ method: "GET", url: new URL(`https://${host}/`) }).catch(() => undefined);
    expect(used).toEqual([`${hosts[0]} built-in`, `${hosts[1]} built-in`, `${hosts[2]} built-in`, `${hosts[3]} own`]);
  });

  test("gives a metadata service little time and room", () => {
    const seen: HttpClientOptions[] = [];
    metadataClient((options) => {
      seen.push(options);
      return { request: () => Promise.reject(new Error("no network")) };
    });
    expect(seen).toEqual([{ timeoutMs: 2000, maxResponseBytes: 512 }]);
  });
});
