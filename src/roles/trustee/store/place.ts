import { join } from "node:path";
import { CaiError, isLoopbackHost } from "../../../system/index.ts";

/** Where a store is. */
export type StorePlace =
  | { readonly kind: "sqlite"; readonly path: string; readonly shown: string }
  | {
      readonly kind: "postgres";
      /** with the password */
      readonly url: string;
      /** whether the connection is encrypted, and the server proves its name */
      readonly tls: boolean;
      /** file of the certificate authorities (PEM) that may vouch for the server; the machine's where there is none */
      readonly tlsCa: string | undefined;
      /** without the password: what may be printed and logged */
      readonly shown: string;
    };

const SQLITE = "sqlite:";
const EXPECTED = "sqlite:PATH or postgres://USER:PASSWORD@HOST/DATABASE";

/**
 * Reads the setting `store`.
 *
 * A database server that others can be between is only spoken to with TLS and a certificate for its name, unless the address says
 * `sslmode=disable`; modes that encrypt without knowing to whom are not taken.
 *
 * @param text     `sqlite:PATH`, `postgres://…?sslmode=disable|verify-full&sslrootcert=FILE`; undefined for `trustee.db` in the data directory
 * @param dataDir  the data directory
 * @throws CaiError `cli.setting-invalid`, which never repeats the text: it may hold a password
 */
export function parseStorePlace(text: string | undefined, dataDir: string): StorePlace {
  if (text === undefined) return sqlitePlace(join(dataDir, "trustee.db"));
  if (text.startsWith(SQLITE) && text.length > SQLITE.length) return sqlitePlace(text.slice(SQLITE.length).replace(/^\/\/(?=\/)/, ""));
  if (!/^postgres(ql)?:\/\//.test(text)) throw invalid("it begins with neither sqlite: nor postgres://");
  return postgresPlace(text);
}

function sqlitePlace(path: string): StorePlace {
  return { kind: "sqlite", path, shown: `${SQLITE}${path}` };
}

function postgresPlace(text: string): StorePlace {
  const url = URL.parse(text);
  if (url === null) throw invalid("the address cannot be read");
  if (url.pathname.length < 2) throw invalid("the address names no database");
  const mode = url.searchParams.get("sslmode");
  const tlsCa = url.searchParams.get("sslrootcert") ?? undefined;
  for (const name of url.searchParams.keys()) {
    if (name !== "sslmode" && name !== "sslrootcert" && name !== "path") throw invalid(`the member ${name} is not known`);
  }
  if (mode !== null && mode !== "disable" && mode !== "verify-full") throw invalid("sslmode is neither disable nor verify-full");
  const near = url.searchParams.has("path") || isLoopbackHost(url.hostname.replace(/^\[|\]$/g, ""));
  const shown = new URL(url);
  if (shown.password !== "") shown.password = "***";
  url.searchParams.delete("sslmode");
  url.searchParams.delete("sslrootcert");
  return { kind: "postgres", url: url.href, tls: mode === null ? !near : mode === "verify-full", tlsCa, shown: shown.href };
}

function invalid(reason: string): CaiError {
  return new CaiError("cli.setting-invalid", `the setting store cannot be used: ${reason}`, { expected: EXPECTED });
}

/** @returns the text with every password in an address of it left out */
export function redactStore(text: string): string {
  return text.replace(/^(postgres(?:ql)?:\/\/[^/@?#]*?):.*@/, "$1:***@").replace(/([?&]password=)[^&#]*/gi, "$1***");
}
