import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createHash, X509Certificate } from "node:crypto";
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { connect as connectPlain } from "node:net";
import { join } from "node:path";
import { connect, type TLSSocket } from "node:tls";
import { DatagramReceiver } from "../system/datagram-receiver.ts";
import { makeTlsIdentity } from "../tls-identity.ts";
import { cai, caiError, caiJson, removeScratch, type Started, scratch, start, stopAll } from "./cai.ts";

const folder = scratch();
const at = (name: string) => join(folder, name);
const sim = at("sim");
const data = at("trustee");
let trustee: Started;
let admin: readonly string[];
let agent: readonly string[];

/** Starts the trustee of this file, wherever it is to listen. */
const serve = (flags: readonly string[], env: Record<string, string> = {}) =>
  start(
    ["trustee", "serve", "--data", data, "--trust-anchor", join(sim, "anchor.pem"), "--collateral", join(sim, "collateral.json"), ...flags],
    { env },
  );

beforeAll(async () => {
  await caiJson(["sim", "tdx", "init", "--out", sim]);
  const adminKey = String((await caiJson(["trustee", "init", "--simulated", "--data", data]))["admin_key"]);
  writeFileSync(at("ca.pem"), (await cai(["trustee", "ca", "--data", data])).stdout);
  trustee = await serve(["--listen", "127.0.0.1:0", "--tls", "auto", "--tls-name", "trustee.example", "--listen", "http://127.0.0.1:0"]);
  const url = String(trustee.ready["url"]);
  admin = ["--trustee", url, "--admin-key", adminKey, "--ca", at("ca.pem")];
  agent = ["--trustee", url, "--simulated-tdx", join(sim, "machine.json"), "--ca", at("ca.pem")];
  await caiJson(["reference", "set", "--file", join(sim, "reference.json"), ...admin]);
  await caiJson(["policy", "set", "resource", "--template", "affirming-simulated", ...admin]);
});
afterAll(async () => {
  await stopAll();
  removeScratch(folder);
});

/** @returns the certificate that a TLS server shows, and the version that was agreed on */
function handshake(url: string, options: object = {}): Promise<{ pin: string; certificate: X509Certificate; socket: TLSSocket }> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port), ca: readFileSync(at("ca.pem")), ...options }, () => {
      const certificate = new X509Certificate(socket.getPeerCertificate(true).raw);
      const spki = certificate.publicKey.export({ type: "spki", format: "der" });
      resolve({ pin: `spki:sha256:${createHash("sha256").update(spki).digest("base64url")}`, certificate, socket });
    });
    socket.on("error", reject);
  });
}

/**
 * Offers one key exchange group of TLS 1.3 and no key for it (RFC 8446 §4.1.4).
 *
 * @returns the group that the server asks a key for; undefined where it refuses
 */
function groupAsked(url: string, group: number): Promise<number | undefined> {
  const { hostname, port } = new URL(url);
  const u16 = (value: number) => Buffer.from([value >> 8, value & 255]);
  const short = (bytes: Uint8Array) => Buffer.concat([Buffer.from([bytes.length]), bytes]);
  const long = (bytes: Uint8Array) => Buffer.concat([u16(bytes.length), bytes]);
  const extension = (type: number, content: Uint8Array) => Buffer.concat([u16(type), long(content)]);
  const extensions = [
    extension(43, short(u16(0x0304))),
    extension(10, long(u16(group))),
    extension(13, long(u16(0x0403))),
    extension(51, long(Buffer.alloc(0))),
  ];
  const suites = [long(u16(0x1301)), short(Buffer.alloc(1))];
  const hello = Buffer.concat([u16(0x0303), Buffer.alloc(32, 1), short(Buffer.alloc(32, 2)), ...suites, long(Buffer.concat(extensions))]);
  const record = Buffer.concat([Buffer.from([22, 3, 1]), long(Buffer.concat([Buffer.from([1, 0]), long(hello)]))]);
  return new Promise((resolve, reject) => {
    const socket = connectPlain(Number(port), hostname, () => socket.write(record));
    socket.once("data", (data) => {
      socket.destroy();
      const answer = Buffer.from(data);
      const asked = answer.indexOf(Buffer.concat([u16(51), u16(2)]));
      resolve(answer[0] === 22 && asked !== -1 ? answer.readUInt16BE(asked + 4) : undefined);
    });
    socket.on("error", reject);
  });
}

/** Waits for something that another process is about to do. */
async function until(what: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await what())) await new Promise((resolve) => setTimeout(resolve, 10));
}

describe("a trustee that certifies itself", () => {
  test("says its pin, and its authority is the one that `cai trustee ca` prints", async () => {
    const pin = String(trustee.ready["tls_pin"]);
    const { pin: shown, certificate, socket } = await handshake(String(trustee.ready["url"]));
    socket.destroy();
    expect(shown).toBe(pin);
    expect(certificate.checkHost("trustee.example")).toBe("trustee.example");
    expect(certificate.checkIP("127.0.0.1")).toBe("127.0.0.1");
    const printed = await caiJson(["trustee", "ca", "--data", data]);
    expect(printed).toEqual({ ca: readFileSync(at("ca.pem"), "utf8"), tls_pin: pin });
    const [, plain] = trustee.ready["urls"] as string[];
    expect(plain).toStartWith("http://127.0.0.1:");
    expect(await (await fetch(`${plain}/kbs/v0/cai/ca`)).text()).toBe(String(printed["ca"]));
  });

  test("gives secrets over TLS to an agent that knows its authority, with its pin and without", async () => {
    await caiJson(["resource", "set", "kbs:///default/key/tls", "--random", "32", ...admin]);
    const get = ["agent", "resource", "get", "kbs:///default/key/tls"];
    const pins = [trustee.ready["tls_pin"], trustee.ready["pin"]].map((pin) => ["--trustee-pin", String(pin)]);
    for (const [i, pin] of [[], ...pins].entries()) {
      const { base64 } = await caiJson([...get, ...agent, ...pin]);
      expect(Buffer.from(String(base64), "base64")).toHaveLength(32);
      await caiJson(["resource", "set", `kbs:///default/key/pinned-${i}`, "--random", "32", ...admin, ...pin]);
    }
  });

  test("is not believed by who does not know its authority, nor by another pin", async () => {
    const get = ["agent", "resource", "get", "kbs:///default/key/tls"];
    const stranger = agent.slice(0, agent.indexOf("--ca"));
    expect(await caiError([...get, ...stranger])).toMatchObject({ id: "net.tls-failed" });
    const pin = `spki:sha256:${"A".repeat(43)}`;
    expect(await caiError([...get, ...agent, "--trustee-pin", pin])).toMatchObject({ id: "agent.trustee-mismatch" });
  });

  test("speaks TLS 1.2 and 1.3, agrees on the post-quantum group where that is offered, and only on 1.3 where it is told", async () => {
    const url = String(trustee.ready["url"]);
    const protocolOf = (options: object, to = url) =>
      handshake(to, options).then(
        ({ socket }) => {
          const protocol = socket.getProtocol();
          socket.destroy();
          return protocol;
        },
        () => "refused",
      );
    expect([await protocolOf({}), await protocolOf({ maxVersion: "TLSv1.2" })]).toEqual(["TLSv1.3", "TLSv1.2"]);
    expect(await protocolOf({ minVersion: "TLSv1.1", maxVersion: "TLSv1.1" })).toBe("refused");
    expect([await groupAsked(url, 0x11ec), await groupAsked(url, 0x001d), await groupAsked(url, 0x6399)]).toEqual([
      0x11ec,
      0x001d,
      undefined,
    ]);
    const other = await start(["trustee", "serve", "--data", at("strict"), "--listen", "https://127.0.0.1:0", "--tls-min", "1.3"]);
    writeFileSync(at("strict-ca.pem"), (await cai(["trustee", "ca", "--data", at("strict")])).stdout);
    const strict = { ca: readFileSync(at("strict-ca.pem")) };
    expect(await protocolOf({ ...strict, maxVersion: "TLSv1.2" }, String(other.ready["url"]))).toBe("refused");
    expect(await protocolOf(strict, String(other.ready["url"]))).toBe("TLSv1.3");
    expect(await other.kill("SIGTERM")).toBe(0);
  });

  test("has a new certificate for the same key after SIGHUP, and cuts nobody off", async () => {
    const url = String(trustee.ready["url"]);
    const before = await handshake(url);
    process.kill(trustee.pid, "SIGHUP");
    await until(() => trustee.log().includes("TLS certificate replaced"));
    const after = await handshake(url);
    after.socket.destroy();
    expect(after.pin).toBe(before.pin);
    expect(after.certificate.serialNumber).not.toBe(before.certificate.serialNumber);
    const answer = new Promise<string>((resolve) => before.socket.once("data", (bytes) => resolve(bytes.toString())));
    before.socket.write("GET /livez HTTP/1.1\r\nhost: trustee\r\n\r\n");
    expect(await answer).toStartWith("HTTP/1.1 200");
    before.socket.destroy();
  });

  test("describes what it answers", async () => {
    const [flag, url] = agent;
    const document = await caiJson(["trustee", "openapi", flag!, url!, "--ca", at("ca.pem")]);
    expect(document["openapi"]).toBe("3.1.0");
    expect(document["paths"]).toHaveProperty("/kbs/v0/auth");
    expect(await caiError(["trustee", "openapi", "--trustee", "nothing"])).toMatchObject({ status: 2, id: "cli.setting-invalid" });
  });
});

describe("a trustee with its operator's certificate", () => {
  test("shows a new one as soon as the files change, stays with the old one where they are broken, and refuses to start with those", async () => {
    const [first, second] = [makeTlsIdentity([{ dns: "localhost" }]), makeTlsIdentity([{ dns: "localhost" }])];
    const write = (name: string, { cert, key }: { cert: string; key: string }) => {
      writeFileSync(at(`${name}.pem`), cert);
      writeFileSync(at(`${name}.key`), key);
    };
    write("own", first);
    const flags = ["--data", at("own"), "--listen", "localhost:0", "--tls-cert", at("own.pem"), "--tls-key", at("own.key")];
    const other = await start(["trustee", "serve", ...flags]);
    const shown = async () => {
      const { certificate, socket } = await handshake(String(other.ready["url"]), { rejectUnauthorized: false });
      socket.destroy();
      return certificate.toString();
    };
    const [one, two] = [first, second].map(({ cert }) => new X509Certificate(cert).toString());
    expect(await shown()).toBe(one!);
    write("new", second);
    copyFileSync(at("new.pem"), at("own.pem"));
    await until(() => other.log().includes("trustee.tls-invalid"));
    expect(await shown()).toBe(one!);
    copyFileSync(at("new.key"), at("own.key"));
    await until(() => other.log().includes("TLS certificate replaced"));
    expect(await shown()).toBe(two!);
    expect(await other.kill("SIGTERM")).toBe(0);
    write("own", { cert: first.cert, key: second.key });
    expect(await caiError(["trustee", "serve", ...flags])).toMatchObject({ status: 2, id: "trustee.tls-invalid" });
    expect(await caiError(["trustee", "serve", ...flags.slice(0, -2)])).toMatchObject({ status: 2, id: "cli.usage" });
  });
});

describe("a trustee that is watched", () => {
  test("tells systemd when it is ready, that it lives, reloads and ends, and does not wait after a second SIGTERM", async () => {
    for (const path of [at("notify"), `@cai-test-${process.pid}`]) {
      const manager = new DatagramReceiver(path);
      const watched = await start(["trustee", "serve", "--data", at("watched"), "--listen", "127.0.0.1:0", "--drain-delay", "300"], {
        env: { NOTIFY_SOCKET: path, WATCHDOG_USEC: "200000" },
      });
      const url = String(watched.ready["url"]);
      expect(manager.receive()).toBe(`READY=1\nSTATUS=ready at ${url}`);
      expect(manager.receive()).toBe("WATCHDOG=1");
      /** the next state that is no sign of life */
      const next = () => {
        for (;;) {
          const state = manager.receive();
          if (state !== "WATCHDOG=1") return state;
        }
      };
      process.kill(watched.pid, "SIGHUP");
      expect(next()).toStartWith("RELOADING=1\nMONOTONIC_USEC=");
      expect(next()).toStartWith("READY=1\n");
      expect((await fetch(`${url}/readyz`)).status).toBe(200);
      process.kill(watched.pid, "SIGTERM");
      expect(next()).toBe("STOPPING=1");
      // Balancers hear of it while it still answers.
      await until(async () => (await fetch(`${url}/readyz`)).status === 503);
      expect(await (await fetch(`${url}/readyz`)).json()).toMatchObject({ ready: false, reasons: [{ id: "trustee.draining" }] });
      expect((await fetch(`${url}/livez`)).status).toBe(200);
      expect(await watched.kill("SIGTERM")).toBe(0);
      manager.close();
    }
  });

  test("has metrics on an address of their own, and logs lines of JSON where it is told", async () => {
    const watched = await start(
      ["trustee", "serve", "--data", at("watched"), "--metrics-listen", "127.0.0.1:0", "--listen", `unix:${at("s")}`],
      {
        env: { CAI_LOG_FORMAT: "json" },
      },
    );
    expect(watched.ready["url"]).toBe(`unix:${at("s")}`);
    const metrics = await (await fetch(`${watched.ready["metrics_url"]}/metrics`)).text();
    expect(metrics).toContain("process_resident_memory_bytes");
    const lines = watched.log().trimEnd().split("\n");
    for (const line of lines) expect(JSON.parse(line)).toHaveProperty("level");
    expect(await watched.kill("SIGTERM")).toBe(0);
    expect(await caiError(["trustee", "config"], { env: { CAI_LOG_FORMAT: "xml" } })).toMatchObject({
      status: 2,
      id: "cli.setting-invalid",
    });
  });

  test("ends where one of its addresses is taken, and lets go of the others", async () => {
    const [, taken] = trustee.ready["urls"] as string[];
    const flags = ["--data", at("watched"), "--listen", "127.0.0.1:0", "--listen", taken!.replace("http://", "")];
    expect(await caiError(["trustee", "serve", ...flags])).toMatchObject({ status: 1, id: "trustee.listen-failed" });
  });

  test("takes several addresses from its settings file, and `config` shows them", async () => {
    const file = at("trustee.toml");
    writeFileSync(file, 'listen = ["127.0.0.1:0", "https://127.0.0.1:0"]\ntrusted_proxy = ["10.0.0.0/8"]\nlimit_auth = 7\n');
    expect(await caiJson(["trustee", "config", "--config", file])).toMatchObject({
      listen: { value: ["127.0.0.1:0", "https://127.0.0.1:0"], source: "file" },
      "trusted-proxy": { value: ["10.0.0.0/8"], source: "file" },
      "limit-auth": { value: 7, source: "file" },
    });
    const watched = await start(["trustee", "serve", "--data", at("watched"), "--config", file]);
    expect((watched.ready["urls"] as string[]).map((url) => url.replace(/\d+$/, ""))).toEqual(["http://127.0.0.1:", "https://127.0.0.1:"]);
    expect(await watched.kill("SIGTERM")).toBe(0);
    for (const wrong of ["listen = 8080", 'listen = ["nowhere"]', 'trusted_proxy = ["0.0.0.0/0"]']) {
      writeFileSync(file, wrong);
      expect(await caiError(["trustee", "serve", "--data", at("watched"), "--config", file])).toMatchObject({
        status: 2,
        id: "cli.setting-invalid",
      });
    }
  });
});
