import { expect, test } from "bun:test";
import { parseQgsConfig } from "../../../../src/tee/tdx/attest/qgs-config.ts";

const portOf = (text: string) => {
  const address = parseQgsConfig(text);
  return address?.kind === "vsock" ? address.port : undefined;
};

test("the first line that names a port is where the host's service is", () => {
  expect(parseQgsConfig("# comment\n\nport = 4050\nport = 1\n")).toEqual({ kind: "vsock", cid: 2, port: 4050 });
  for (const text of ["port=4050", "  port =4050  ", "\tport\t=\t4050\t# the usual", "x\r\nport = 4050\r\n"])
    expect(portOf(text)).toBe(4050);
});

test("without a line that names a port, vsock is not used", () => {
  for (const text of [
    "",
    "# port = 4050",
    "ports = 4050",
    "port 4050",
    "port = ",
    "port = 4050x",
    "port = 65536",
    "port = 99999999999",
    "port = -1",
  ]) {
    expect(portOf(text)).toBeUndefined();
  }
});
