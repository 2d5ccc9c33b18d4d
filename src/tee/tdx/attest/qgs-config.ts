import type { StreamAddress } from "../../../system/index.ts";

const HOST_CID = 2;
const LARGEST_PORT = 65_535;

/**
 * Reads where the host's quote generation service listens (tdx.md §3.3, agent.md §2.4). The first line that names a port counts.
 *
 * @param text  of /etc/tdx-attest.conf
 * @returns undefined where no line names a port: the image does not want vsock to be used
 */
export function parseQgsConfig(text: string): StreamAddress | undefined {
  for (const line of text.split("\n")) {
    const digits = /^\s*port\s*=\s*(\d{1,10})\s*(?:#.*)?$/.exec(line)?.[1];
    if (digits !== undefined && Number(digits) <= LARGEST_PORT) return { kind: "vsock", cid: HOST_CID, port: Number(digits) };
  }
  return undefined;
}
