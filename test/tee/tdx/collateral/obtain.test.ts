import { describe, expect, test } from "bun:test";
import { encodePem } from "../../../../src/crypto/index.ts";
import { CaiError } from "../../../../src/system/index.ts";
import {
  type CollateralAccess,
  type CollateralOrigin,
  collateralFrom,
  formatBundle,
  obtainCollateral,
  parseCollateralFile,
  probeOrigin,
  verifyQuote,
} from "../../../../src/tee/tdx/index.ts";
import { anchors, NOW, quoteOf, rejectionId } from "../testing.ts";
import { type Behaviour, changing, DAY, honest, issuedAt, request, Services, service, serving, status } from "./services.ts";

const current = issuedAt(NOW);
const files = new Map([["/bundle.json", formatBundle(current)]]);

function access(services: Services, options: Partial<CollateralAccess> = {}): CollateralAccess {
  const readFile = (path: string) => {
    const text = files.get(path);
    if (text === undefined) throw new CaiError("cli.input-unreadable", `cannot read ${path}`);
    return parseCollateralFile(text);
  };
  return { client: services, readFile, anchors, now: () => NOW, ...options };
}

/** The id and message of what getting collateral from one service of a behaviour ends with. */
async function outcome(behaviour: Behaviour): Promise<string> {
  const services = new Services(current);
  const origin = services.add("http://a", behaviour);
  try {
    await obtainCollateral([origin], request, access(services));
    return "done";
  } catch (error) {
    return `${CaiError.from(error).id}: ${CaiError.from(error).message}`;
  }
}

describe("collateral from a service", () => {
  test("is the whole set, with which a quote verifies, from the paths of version 4", async () => {
    const services = new Services(current);
    const origin = services.add("http://a");
    const given = await collateralFrom([origin], access(services))(request);
    expect(given).toEqual(current);
    verifyQuote(quoteOf(), given, { now: NOW, anchors, expired: "reject", resealFallback: false });
    expect(services.asked.sort()).toEqual([
      "http://a /sgx/certification/v4/pckcrl?ca=platform&encoding=der",
      "http://a /sgx/certification/v4/rootcacrl",
      "http://a /tdx/certification/v4/qe/identity",
      "http://a /tdx/certification/v4/tcb?fmspc=00CAFE000000",
    ]);
  });

  test("says which edition is wanted of both documents, and nothing where that is the standard one", async () => {
    const services = new Services(current);
    const origin = services.add("http://a");
    await obtainCollateral([origin], request, access(services, { update: "early" }));
    await obtainCollateral([origin], request, access(services, { update: 20 }));
    expect(services.asked.filter((line) => line.includes("update=early")).length).toBe(2);
    expect(services.asked.filter((line) => line.includes("tcbEvaluationDataNumber=20")).length).toBe(2);
    for (const update of [19, 21]) {
      expect(await rejectionId(obtainCollateral([origin], request, access(services, { update })))).toBe("tdx.collateral-unknown");
    }
  });

  test("may have its revocation lists in any encoding, and its chains in plain PEM", async () => {
    const crl = (body: string | Uint8Array) => changing("/pckcrl", ({ headers }) => new Response(Buffer.from(body as string), { headers }));
    expect(await outcome(crl(current.pckCrl.toHex().toUpperCase()))).toBe("done");
    expect(await outcome(crl(`${current.pckCrl.toHex()}\n`))).toBe("done");
    expect(await outcome(crl(encodePem(current.pckCrl, "X509 CRL")))).toBe("done");
    const plain = changing("/tcb?", async (answer) => {
      const chain = current.tcbInfoIssuerChain.replaceAll("\n", " ");
      return new Response(await answer.text(), { headers: { "tcb-info-issuer-chain": chain } });
    });
    // A header cannot hold a line's end, and PEM takes any white space for one.
    expect(await outcome(plain)).toBe("done");
  });

  test("may come under the header name of version 3", async () => {
    const renamed = changing("/tcb?", async (answer) => {
      const headers = { "sgx-tcb-info-issuer-chain": answer.headers.get("tcb-info-issuer-chain") ?? "" };
      return new Response(await answer.text(), { headers });
    });
    expect(await outcome(renamed)).toBe("done");
  });

  test("of version 3 has no TDX, and is not asked for it", async () => {
    const services = new Services(current);
    services.add("http://a");
    const v3 = service("http://a/sgx/certification/v3");
    expect(await rejectionId(obtainCollateral([v3], request, access(services)))).toBe("tdx.collateral-unknown");
    expect(await rejectionId(obtainCollateral([v3], { ...request, tee: "sgx" }, access(services)))).toBe("tdx.collateral-unknown");
    expect(services.asked.filter((line) => line.includes("/v3/")).sort()).toEqual([
      "http://a /sgx/certification/v3/pckcrl?ca=platform",
      "http://a /sgx/certification/v3/qe/identity",
      "http://a /sgx/certification/v3/rootcacrl",
      "http://a /sgx/certification/v3/tcb?fmspc=00CAFE000000",
    ]);
  });
});

describe("a service with a fault", () => {
  const bodyOf = (part: string, change: (text: string) => string) =>
    changing(part, async (answer) => new Response(change(await answer.text()), { headers: answer.headers }));
  const headersOf = (part: string, name: string, value: string | undefined) =>
    changing(part, async (answer) => {
      const headers = new Headers(answer.headers);
      headers.delete(name);
      if (value !== undefined) headers.set(name, value);
      return new Response(await answer.arrayBuffer(), { headers });
    });
  const other = issuedAt(NOW);
  const cases: [name: string, behaviour: Behaviour, expected: RegExp][] = [
    [
      "that is not there",
      () => Promise.reject(new CaiError("net.unreachable", "no connection")),
      /unavailable.*http:\/\/a: net\.unreachable/,
    ],
    ["that takes too long", () => Promise.reject(new CaiError("net.timeout", "too long")), /unavailable.*net\.timeout: too long/],
    ["that fails", status(500), /unavailable.*net\.response-invalid.*status 500/],
    ["that is busy", status(503), /unavailable.*status 503/],
    ["that sends elsewhere", () => Response.redirect("http://b/", 302), /unavailable.*status 302/],
    ["that knows no such platform", status(404), /^tdx\.collateral-unknown.*status 404/],
    ["that has it no more", status(410), /^tdx\.collateral-unknown.*status 410/],
    ["without a chain", headersOf("/tcb?", "tcb-info-issuer-chain", undefined), /header TCB-Info-Issuer-Chain, got none/],
    [
      "with another header",
      headersOf("/qe/", "sgx-enclave-identity-issuer-chain", "hello"),
      /certificates in SGX-Enclave-Identity-Issuer-Chain/,
    ],
    ["with a bad encoding", headersOf("/pckcrl", "sgx-pck-crl-issuer-chain", "%zz"), /certificates in SGX-PCK-CRL-Issuer-Chain/],
    ["with an endless header", headersOf("/tcb?", "tcb-info-issuer-chain", "x".repeat(17_000)), /at most 16384 characters/],
    ["with half a document", bodyOf("/tcb?", (text) => text.slice(0, 500)), /TCB info: expected JSON/],
    ["with another document", bodyOf("/tcb?", (text) => text.replace("tcbInfo", "tcbinfo")), /an object "tcbInfo"/],
    ["without a signature", bodyOf("/qe/", (text) => text.replace('"signature"', '"sig"')), /a signature of 64 bytes/],
    ["with a duplicate key", bodyOf("/qe/", (text) => text.replace('"id"', '"id":"QE","id"')), /each key once/],
    ["with a changed document", bodyOf("/tcb?", (text) => text.replace("OutOfDate", "UpToDate")), /^tdx\.tcb-info-signature-invalid/],
    ["with a changed list", bodyOf("/rootcacrl", (text) => `${text.slice(0, -2)}00`), /^tdx\.crl-(signature-invalid|malformed)/],
    ["with no list", bodyOf("/rootcacrl", () => ""), /a revocation list in DER, hexadecimal or PEM/],
    ["with swapped lists", serving({ ...other, pckCrl: other.rootCaCrl, rootCaCrl: other.pckCrl }), /^tdx\.crl-issuer-mismatch/],
    ["with another platform", bodyOf("/tcb?", (text) => text.replace("00cafe", "00caff")), /^tdx\.tcb-info-signature-invalid/],
  ];
  for (const [name, behaviour, expected] of cases) {
    test(`${name} is named with the reason`, async () => {
      const text = await outcome(behaviour);
      expect(text).toMatch(expected);
      expect(text).toContain("TDX collateral for FMSPC 00cafe000000 (platform CA)");
      expect(text).toContain("http://a: ");
    });
    test(`${name} is passed over for the next, whose set is taken whole`, async () => {
      const services = new Services(current);
      const origins = [services.add("http://a", behaviour), services.add("http://b")];
      const { collateral, origin } = await obtainCollateral(origins, request, access(services));
      expect([collateral, origin]).toEqual([current, "http://b"]);
      expect(services.asked.filter((line) => line.startsWith("http://b")).length).toBe(4);
    });
  }

  test("is told of with all others, and a matter of the network decides that another attempt may help", async () => {
    const services = new Services(current);
    const origins = [services.add("http://a", status(404)), services.add("http://b", status(500)), service("http://c")];
    const failed = await obtainCollateral(origins, request, access(services)).catch((error: CaiError) => error);
    expect(failed).toMatchObject({ id: "tdx.collateral-unavailable", exitCode: 4 });
    expect((failed as CaiError).message).toMatch(
      /http:\/\/a: tdx\.collateral-unknown.*http:\/\/b: net\.response-invalid.*http:\/\/c: net\.unreachable/,
    );
  });
});

describe("origins in their order", () => {
  test("give a set that is past its date only where none has a better one", async () => {
    const services = new Services(current);
    const origins = [services.add("http://a", serving(issuedAt(NOW - 40 * DAY))), services.add("http://b")];
    expect((await obtainCollateral(origins, request, access(services))).origin).toBe("http://b");
    expect((await obtainCollateral(origins.slice(0, 1), request, access(services))).origin).toBe("http://a");
  });

  test("that are the manufacturer's are not asked for simulated platforms", async () => {
    const services = new Services(current);
    const vendors = [
      "intel",
      "https://sgx-dcap-server.cn-beijing.aliyuncs.com",
      "https://api.trustedservices.intel.com/sgx/certification/v4",
    ];
    for (const vendor of vendors) {
      expect(await rejectionId(obtainCollateral([service(vendor)], request, access(services)))).toBe("tdx.collateral-unknown");
    }
    expect(services.asked).toEqual([]);
  });

  test("may be files, of which the set for the platform is picked", async () => {
    const services = new Services(current);
    const file = service("file:///bundle.json");
    expect((await obtainCollateral([service("/none.json"), file], request, access(services))).origin).toBe("/bundle.json");
    expect(await rejectionId(obtainCollateral([file], { ...request, fmspc: "00aabbccddee" }, access(services)))).toBe(
      "tdx.tcb-info-mismatch",
    );
    expect(await rejectionId(obtainCollateral([file], { ...request, ca: "processor" }, access(services)))).toBe("tdx.crl-issuer-mismatch");
    expect(await rejectionId(obtainCollateral([file], { ...request, anchor: "00" }, access(services)))).toBe("tdx.untrusted-root");
    expect(await rejectionId(obtainCollateral([file], { ...request, tee: "sgx" }, access(services)))).toBe("sgx.tcb-info-mismatch");
    expect(await rejectionId(obtainCollateral([], request, access(services)))).toBe("tdx.collateral-unavailable");
  });

  test("lead to no set that a trusted root did not sign", async () => {
    const services = new Services(current);
    expect(await rejectionId(obtainCollateral([services.add("http://a")], request, access(services, { anchors: [] })))).toBe(
      "tdx.untrusted-root",
    );
  });

  test("are given up when the caller gives up", async () => {
    const stop = new AbortController();
    const services = new Services(current);
    const origin = services.add("http://a", (each, answer) => {
      stop.abort(new Error("enough"));
      return answer(each);
    });
    expect(obtainCollateral([origin, services.add("http://b")], request, access(services, { signal: stop.signal }))).rejects.toThrow(
      "enough",
    );
  });
});

describe("a probe", () => {
  test("says of each origin whether it answers, and why not", async () => {
    const services = new Services(current);
    const probe = (origin: CollateralOrigin) => probeOrigin(origin, access(services));
    expect(await probe(services.add("http://a", honest))).toEqual({ origin: "http://a" });
    expect(await probe(service("/bundle.json"))).toEqual({ origin: "/bundle.json" });
    expect((await probe(service("http://c"))).error?.id).toBe("net.unreachable");
    expect((await probe(services.add("http://d", status(500)))).error?.id).toBe("net.response-invalid");
    expect((await probe(service("/none.json"))).error?.id).toBe("cli.input-unreadable");
  });
});

test("what is cut out of an answer are the very characters that are signed", async () => {
  const services = new Services(current);
  const spaced = changing("/tcb?", async (answer) => {
    const text = (await answer.text())
      .replace('{"tcbInfo":', '{ "extra": {"tcbInfo": {}}, "tcbInfo" : ')
      .replace(',"signature"', ' , "signature"');
    return new Response(text, { headers: answer.headers });
  });
  const { collateral } = await obtainCollateral([services.add("http://a", spaced)], request, access(services));
  expect(collateral.tcbInfo).toBe(current.tcbInfo);
});
