import { isIP } from "node:net";
import { hostname, networkInterfaces } from "node:os";
import type { SubjectAltName } from "../../crypto/index.ts";
import { ipBytes } from "./ip-address.ts";
import type { ListenAddress } from "./listen-address.ts";

/** Addresses that stand for every address of the machine. */
const EVERYWHERE: ReadonlySet<string> = new Set(["0.0.0.0", "::", "0"]);

/**
 * What an automatic certificate names: what the operator says, the addresses that are listened on, and this machine's own names, so that whoever
 * reaches the trustee by any of them finds it there.
 *
 * @param given  `--tls-name`: names and addresses
 */
export function tlsNames(given: readonly string[], addresses: readonly ListenAddress[]): SubjectAltName[] {
  const hosts = addresses.flatMap((address) => ("unix" in address ? [] : [address.host]));
  const interfaces = hosts.some((host) => EVERYWHERE.has(host)) ? interfaceAddresses() : [];
  const names = new Set([
    ...given,
    ...hosts.filter((host) => !EVERYWHERE.has(host)),
    ...interfaces,
    hostname(),
    "localhost",
    "127.0.0.1",
    "::1",
  ]);
  return [...names].map((name) => (isIP(name) === 0 ? { dns: name.toLowerCase() } : { ip: ipBytes(name) }));
}

function interfaceAddresses(): string[] {
  const all = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
  // Link-local addresses mean nothing without an interface, which no certificate names.
  return all.map(({ address }) => address).filter((address) => !/^(fe80:|169\.254\.)/i.test(address));
}
