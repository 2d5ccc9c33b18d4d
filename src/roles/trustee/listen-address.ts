import { CaiError, isLoopbackHost } from "../../system/index.ts";

/** Where a trustee listens. */
export type ListenAddress =
  | {
      /** said by its operator; otherwise the settings decide (see `speaksTls`) */
      readonly scheme?: "http" | "https";
      /** a name or address; without brackets around IPv6 */
      readonly host: string;
      /** 0 takes a free one */
      readonly port: number;
    }
  | {
      /** a socket in the file system, which only this user may connect to */
      readonly unix: string;
    };

/** The longest name that a socket in the file system can have (unix(7): 108 bytes with a NUL). */
const MAX_UNIX_PATH = 107;

/**
 * Reads `HOST:PORT`, `http://HOST:PORT`, `https://HOST:PORT` or `unix:/PATH`.
 *
 * @throws CaiError `cli.setting-invalid`
 */
export function parseListenAddress(text: string): ListenAddress {
  const unix = /^unix:(\/.*)$/s.exec(text)?.[1];
  if (unix !== undefined && !unix.includes("\0") && Buffer.byteLength(unix) <= MAX_UNIX_PATH) return { unix };
  const [, scheme, host, port] = /^(?:(https?):\/\/)?(\[[0-9a-fA-F:.]+\]|[\w.-]+):(\d{1,5})$/.exec(text) ?? [];
  if (host === undefined || Number(port) > 65_535) {
    throw new CaiError("cli.setting-invalid", `--listen cannot be ${JSON.stringify(text)}`, {
      expected: "HOST:PORT, http://HOST:PORT, https://HOST:PORT (port 0–65535), or unix:/PATH",
      got: text,
    });
  }
  return {
    ...(scheme !== undefined && { scheme: scheme as "http" | "https" }),
    host: host.replace(/^\[|\]$/g, ""),
    port: Number(port),
  };
}

/** @returns whether nobody but programs of this machine can connect there */
export function isPrivate(address: ListenAddress): boolean {
  return "unix" in address || isLoopbackHost(address.host);
}

/** @returns what people are told of an address */
export function formatListenAddress(address: ListenAddress): string {
  if ("unix" in address) return `unix:${address.unix}`;
  const { scheme, host, port } = address;
  return `${scheme === undefined ? "" : `${scheme}://`}${host.includes(":") ? `[${host}]` : host}:${port}`;
}
