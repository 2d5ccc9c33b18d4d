import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { formatListenAddress, isPrivate, parseListenAddress } from "../../../src/roles/trustee/listen-address.ts";
import { rejection } from "../../rejection.ts";

describe("an address to listen on", () => {
  test("is a host and port, with or without a scheme, or a socket in the file system", () => {
    expect(parseListenAddress("127.0.0.1:8080")).toEqual({ host: "127.0.0.1", port: 8080 });
    expect(parseListenAddress("https://[::1]:0")).toEqual({ scheme: "https", host: "::1", port: 0 });
    expect(parseListenAddress("http://trustee.example:80")).toEqual({ scheme: "http", host: "trustee.example", port: 80 });
    expect(parseListenAddress("unix:/run/cai/trustee.sock")).toEqual({ unix: "/run/cai/trustee.sock" });
  });

  test("is written as it is read", () => {
    const host = fc.oneof(fc.ipV4(), fc.ipV6(), fc.domain());
    const scheme = fc.constantFrom<{ scheme?: "http" | "https" }>({}, { scheme: "http" }, { scheme: "https" });
    fc.assert(
      fc.property(scheme, host, fc.nat(65_535), (said, name, port) => {
        const address = { ...said, host: name, port };
        expect(parseListenAddress(formatListenAddress(address))).toEqual(address);
      }),
    );
    for (const text of ["127.0.0.1:8080", "https://[::1]:0", "http://a:1", "unix:/s"]) {
      expect(formatListenAddress(parseListenAddress(text))).toBe(text);
    }
  });

  test("of another form is refused", () => {
    const wrong = [
      "",
      "8080",
      "host",
      "a:65536",
      "ftp://a:1",
      "http://a:1/",
      "unix:relative",
      `unix:/${"x".repeat(107)}`,
      "unix:/a\0b",
      "::1:80",
    ];
    for (const text of wrong) expect(rejection(() => parseListenAddress(text)).id).toBe("cli.setting-invalid");
  });

  test("is private where only this machine can connect", () => {
    expect(["127.0.0.1:1", "[::1]:1", "localhost:1", "unix:/s"].map((text) => isPrivate(parseListenAddress(text)))).toEqual([
      true,
      true,
      true,
      true,
    ]);
    expect(["0.0.0.0:1", "[::]:1", "a:1"].map((text) => isPrivate(parseListenAddress(text)))).toEqual([false, false, false]);
  });
});
