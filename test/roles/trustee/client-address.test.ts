import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { TrustedProxies } from "../../../src/roles/trustee/client-address.ts";
import { ipBytes, plainAddress } from "../../../src/roles/trustee/ip-address.ts";
import { rejection } from "../../rejection.ts";

describe("the bytes of an address", () => {
  test("are those of every way to write it", () => {
    fc.assert(
      fc.property(fc.ipV4(), (address) => {
        expect([...ipBytes(address)].join(".")).toBe(address);
      }),
    );
    fc.assert(
      fc.property(fc.ipV6(), (address) => {
        const url = `http://[${address}]/`;
        // Not every way to write one is taken there.
        fc.pre(URL.canParse(url));
        const bytes = Buffer.from(ipBytes(address));
        expect(bytes.length).toBe(16);
        const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(2 * i).toString(16));
        expect(new URL(`http://[${groups.join(":")}]/`).hostname).toBe(new URL(url).hostname);
      }),
    );
  });

  test("are of an address only", () => {
    for (const text of ["", "localhost", "1.2.3", "::g", "1.2.3.4/8"]) expect(() => ipBytes(text)).toThrow(RangeError);
    expect(plainAddress("::ffff:192.0.2.1")).toBe("192.0.2.1");
    expect(plainAddress("::ffff:1")).toBe("::ffff:1");
  });
});

describe("a client behind proxies", () => {
  const proxies = new TrustedProxies(["10.0.0.0/8", "192.0.2.7", "fd00::/8"]);
  const addressOf = (peer: string, forwarded: string | null) => proxies.clientOf(peer, forwarded).address;

  test("is whom the last trusted one names", () => {
    expect(addressOf("10.1.2.3", "198.51.100.1")).toBe("198.51.100.1");
    expect(addressOf("fd00::1", "2001:db8::1")).toBe("2001:db8::1");
    expect(addressOf("10.1.2.3", "203.0.113.9, 198.51.100.1, 192.0.2.7")).toBe("198.51.100.1");
    expect(addressOf("10.1.2.3", "10.9.9.9")).toBe("10.9.9.9");
  });

  test("is the peer where that is no trusted proxy, or says nothing that is an address", () => {
    expect(addressOf("198.51.100.9", "203.0.113.9")).toBe("198.51.100.9");
    expect(addressOf("10.1.2.3", null)).toBe("10.1.2.3");
    for (const nonsense of ["", ",", "unknown", "1.2.3.4:80, x", `${"1.1.1.1,".repeat(10)} `])
      expect(addressOf("10.1.2.3", nonsense)).toBe("10.1.2.3");
    expect(addressOf("unix", "203.0.113.9")).toBe("unix");
    expect(new TrustedProxies([]).clientOf("10.1.2.3", "203.0.113.9").address).toBe("10.1.2.3");
  });

  test("stands in records as what nobody here has seen (I18)", () => {
    expect(proxies.clientOf("10.1.2.3", "198.51.100.1").label).toBe("198.51.100.1 (unverified, by 10.1.2.3)");
    expect(proxies.clientOf("10.1.2.3", null).label).toBe("10.1.2.3");
  });

  test("is never more than an address, whatever the header says", () => {
    fc.assert(
      fc.property(fc.string(), (header) => {
        expect(addressOf("10.1.2.3", header)).toMatch(/^[0-9a-f.:]+$/i);
      }),
    );
  });

  test("is not trusted by a range that is everybody's, or none", () => {
    for (const range of ["0.0.0.0/0", "::/0", "10.0.0.0/33", "10.0.0.0/x", "proxy.example", "", "10.0.0.0/"]) {
      expect(rejection(() => new TrustedProxies([range])).id).toBe("cli.setting-invalid");
    }
  });
});
