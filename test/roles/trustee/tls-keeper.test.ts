import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ParsedTrusteeSettings } from "../../../src/roles/trustee/settings.ts";
import { openTlsKeeper } from "../../../src/roles/trustee/tls-keeper.ts";
import { makeTlsIdentity } from "../../tls-identity.ts";

const folder = mkdtempSync(join(tmpdir(), "cai-tls-"));
afterAll(() => rmSync(folder, { recursive: true }));

test("complains of an operator's certificate that has expired, once and not each second", async () => {
  const { cert, key } = makeTlsIdentity();
  const files = { certificate: join(folder, "server.pem"), key: join(folder, "server.key") };
  writeFileSync(files.certificate, cert);
  writeFileSync(files.key, key);
  const said: string[] = [];
  const open = (clock: () => number) => {
    const logger = { warn: (message: string) => said.push(message), info: () => undefined, error: () => undefined };
    return openTlsKeeper({ tls: files } as ParsedTrusteeSettings, {
      store: undefined as never,
      clock,
      logger: logger as never,
      replace: () => undefined,
      outcome: () => undefined,
    });
  };
  const good = await open(() => 0);
  const { notAfter } = good.current;
  good.close();
  expect(said).toEqual([]);
  const ended = await open(() => notAfter);
  ended.renew();
  ended.close();
  expect(said).toEqual(["the TLS certificate has expired, clients refuse it"]);
});
