import { describe, expect, test } from "bun:test";
import {
  type CollateralOrigin,
  collateralFor,
  obtainPckChain,
  SimulatedPlatform,
  simulatedPccs,
  verifyQuote,
} from "../../../../src/tee/tdx/index.ts";
import { anchors, NOW, platform, quoteOf, rejectionId, withCertification } from "../testing.ts";
import { type Behaviour, issuedAt, request, Services, service, status } from "./services.ts";

const collateral = issuedAt(NOW);
const data = (size: number): Uint8Array => Uint8Array.from({ length: size }, (_, index) => index);
/** A quote that names its machine by an encrypted PPID of 3072 bits. */
const naming = withCertification(quoteOf(), 3, data(404));
const knowing =
  (chain: string): Behaviour =>
  (each) =>
    simulatedPccs(() => collateral, { pckChain: chain })(each);

function setUp(...behaviours: Behaviour[]) {
  const services = new Services(collateral);
  const origins = behaviours.map((behaviour, index): CollateralOrigin => services.add(`http://s${index}`, behaviour));
  const access = { client: services, readFile: () => [], anchors, now: () => NOW };
  return { services, chain: (quote: Uint8Array) => obtainPckChain(quote, [service("/file.json"), ...origins], access) };
}

describe("the chain of a machine that its quote only names", () => {
  test("is fetched by what the quote says, and with it the quote verifies", async () => {
    const { services, chain } = setUp(knowing(platform.pckChain()));
    const pckCertificateChain = await chain(naming);
    expect(pckCertificateChain).toBe(platform.pckChain());
    expect(collateralFor(naming, anchors, NOW, pckCertificateChain)).toEqual(request);
    verifyQuote(naming, { ...collateral, pckCertificateChain }, { now: NOW, anchors, expired: "reject" });
    const query = new URLSearchParams(services.asked[0]?.split("?")[1]);
    expect(services.asked[0]).toStartWith("http://s0 /sgx/certification/v4/pckcert?");
    expect(Object.fromEntries(query)).toEqual({
      qeid: "00".repeat(16),
      encrypted_ppid: data(384).toHex(),
      cpusvn: data(404).slice(384, 400).toHex(),
      pcesvn: data(404).slice(400, 402).toHex(),
      pceid: data(404).slice(402).toHex(),
    });
  });

  test("is fetched for a plain PPID without it, with a PCEID or without", async () => {
    for (const [size, pceId] of [
      [36, "2223"],
      [34, "0000"],
    ] as const) {
      const { services, chain } = setUp(knowing(platform.pckChain()));
      await chain(withCertification(quoteOf(), 1, data(size)));
      const query = new URLSearchParams(services.asked[0]?.split("?")[1]);
      expect([query.get("encrypted_ppid"), query.get("pceid")]).toEqual([null, pceId]);
    }
  });

  test("is not asked for where the quote carries it", async () => {
    const { services, chain } = setUp(knowing(platform.pckChain()));
    expect(await chain(quoteOf())).toBeUndefined();
    expect(services.asked).toEqual([]);
  });

  test("counts only where the quote's own signatures hold with it; else the next service is asked", async () => {
    const other = SimulatedPlatform.create({ seed: new Uint8Array(32).fill(9), now: NOW }).pckChain();
    const { services, chain } = setUp(status(404), status(401), knowing(other), () => new Response("none"), knowing(platform.pckChain()));
    expect(await chain(naming)).toBe(platform.pckChain());
    expect(services.asked.length).toBe(5);
    expect(await rejectionId(setUp(knowing(other)).chain(naming))).toBe("tdx.untrusted-root");
    expect(await rejectionId(setUp().chain(naming))).toBe("tdx.collateral-unavailable");
    expect(await rejectionId(setUp().chain(new Uint8Array(10)))).toBe("tdx.unsupported-quote");
  });
});
