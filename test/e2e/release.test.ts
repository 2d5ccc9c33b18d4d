import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { chownSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { encryptModel } from "../../src/model/index.ts";
import { asUser, CAI, cai, caiError, caiJson, hasFuse, isRoot, removeScratch, type Started, scratch, start, stopAll } from "./cai.ts";
import { diffTrees } from "./tree.ts";
import { serveAgain, startTrustee, startWorld, type World } from "./world.ts";

const URI = "kbs:///default/model/story";
const NOBODY = 65_534;
let world: World;
let enc: string;
let plain: string;

beforeAll(async () => {
  world = await startWorld();
  plain = join(world.folder, "model");
  mkdirSync(plain);
  writeFileSync(join(plain, "weights.bin"), crypto.getRandomValues(new Uint8Array(50_000)));
  writeFileSync(join(plain, "config.json"), '{"a":1}\n');
  enc = join(world.folder, "enc.tar");
  await caiJson(["model", "encrypt", plain, "-o", enc, "--resource", URI, ...world.admin]);
}, 60_000);
afterAll(async () => {
  await stopAll();
  removeScratch(world.folder);
});

let counter = 0;
function mountpoint(): string {
  const path = join(world.folder, `mnt-${++counter}`);
  mkdirSync(path);
  return path;
}

/** Other software on the machine of the world: genuine, and not what the policies want. */
async function otherMachine(...flags: string[]): Promise<string> {
  const out = join(world.folder, `other-${++counter}`);
  return String((await caiJson(["sim", "tdx", "init", "--out", out, "--like", world.machine, ...flags]))["machine"]);
}

const asMachine = (machine: string) => ["--trustee", world.url, "--trustee-pin", world.pin, "--simulated-tdx", machine];

describe.if(hasFuse)("a mount", () => {
  let mount: Started | undefined;
  afterEach(async () => {
    await mount?.kill("SIGTERM");
    mount = undefined;
  });

  test("by attestation shows the model, pinned by the root that was stored beside the key", async () => {
    const at = mountpoint();
    mount = await start(["agent", "mount", "--model", enc, at, ...world.agent]);
    expect(mount.ready).toMatchObject({ mountpoint: at, root_pinned: true, resource: URI, mode: "fuse" });
    expect(diffTrees(plain, at)).toBe("");
  });

  test("is read-only, without devices, setuid or execution, and closed to other users (I30)", async () => {
    const at = mountpoint();
    mount = await start(["agent", "mount", "--model", enc, at, ...world.agent]);
    const line =
      readFileSync("/proc/self/mountinfo", "utf8")
        .split("\n")
        .find((text) => text.includes(` ${at} `)) ?? "";
    for (const option of ["ro", "nosuid", "nodev", "noexec"]) expect(line.split(" ")[5]?.split(",")).toContain(option);
    const other = Bun.spawnSync([...asUser(NOBODY), "cat", join(at, "config.json")]);
    expect(other.stderr.toString()).toContain("Permission denied");
    expect(Bun.spawnSync(["touch", join(at, "new")]).stderr.toString()).toContain("Read-only file system");
  });

  test("leaves no core dump", async () => {
    mount = await start(["agent", "mount", "--model", enc, mountpoint(), ...world.agent]);
    expect(readFileSync(`/proc/${mount.pid}/limits`, "utf8")).toMatch(/Max core file size\s+0\s+0\s/);
  });

  test("cannot be looked into by another process of its own user (I30)", async () => {
    const folder = scratch(true);
    const [file, key, at] = ["enc.tar", "key", "mnt"].map((name) => join(folder, name)) as [string, string, string];
    await caiJson(["model", "encrypt", plain, "-o", file, "--key-file", key]);
    mkdirSync(at);
    for (const path of [folder, file, key, at]) chownSync(path, NOBODY, NOBODY);
    const running = await start(["agent", "mount", "--model", file, at, "--key-file", key, "--mode", "tmpfs"], { uid: NOBODY });
    const look = (name: string) => Bun.spawnSync([...asUser(NOBODY), "head", "-c", "1", `/proc/${running.pid}/${name}`]).stderr.toString();
    for (const name of ["mem", "environ", "maps"]) expect(look(name)).toContain("Permission denied");
    expect(await running.kill("SIGTERM")).toBe(0);
    removeScratch(folder);
  });

  test("ends with 0 when it is unmounted by hand", async () => {
    const at = mountpoint();
    const running = await start(["agent", "mount", "--model", enc, at, ...world.agent]);
    expect(Bun.spawnSync(["umount", at]).exitCode).toBe(0);
    expect(await running.kill("SIGCONT")).toBe(0);
  });

  test("says which mount point is missing, busy or not empty", async () => {
    const at = mountpoint();
    mount = await start(["agent", "mount", "--model", enc, at, ...world.agent]);
    const again = (path: string) => caiError(["agent", "mount", "--model", enc, path, ...world.agent]);
    expect(await again(at)).toMatchObject({ status: 2, id: "model.mountpoint-busy" });
    expect(await again(join(world.folder, "absent"))).toMatchObject({ status: 2, id: "model.mountpoint-missing" });
  });
});

describe.if(isRoot)("a machine without the device of FUSE", () => {
  test("is told so, and what to do instead", async () => {
    const mount = [CAI, "agent", "mount", "--model", enc, mountpoint(), ...world.agent, "--json"];
    const child = Bun.spawnSync(["unshare", "-m", "sh", "-c", 'mount -t tmpfs none /dev && exec "$@"', "sh", ...mount]);
    expect(child.exitCode).toBe(1);
    expect(child.stderr.toString()).toContain("model.fuse-unavailable");
    expect(child.stderr.toString()).toContain("--mode tmpfs");
  });
});

describe("without FUSE, a mount in memory", () => {
  test("shows the same model and leaves nothing behind", async () => {
    const at = mountpoint();
    const mount = await start(["agent", "mount", "--model", enc, at, "--mode", "tmpfs", ...world.agent]);
    const shown = String(mount.ready["mountpoint"]);
    expect(diffTrees(plain, shown)).toBe("");
    expect(await mount.kill("SIGTERM")).toBe(0);
    expect(readdirSync(at)).toEqual([]);
  });
});

describe("a machine that is not the intended one", () => {
  test("with other software is denied by policy", async () => {
    const { status, error } = await caiError(["agent", "resource", "get", URI, ...asMachine(await otherMachine("--software", "other"))]);
    expect([status, error["id"], error["got"]]).toEqual([3, "agent.resource-denied", "kbs.policy-denied"]);
    // The operator reads which statement denied; the machine is told nothing of it (I27).
    const [, line] = /release .*outcome=denied .*reason="(.*)"/.exec(world.trustee.log()) ?? [];
    expect(line).toContain('cpu[\\"ear.status\\"] == \\"affirming\\"');
    expect(JSON.stringify(error)).not.toContain("affirming");
  });

  test("in debug mode gets no key", async () => {
    const { status, error } = await caiError(["agent", "resource", "get", URI, ...asMachine(await otherMachine("--debug"))]);
    expect([status, error["id"], error["got"]]).toEqual([3, "agent.resource-denied", "policy.debug"]);
  });

  test("under another root is refused when it attests", async () => {
    const out = join(world.folder, "foreign");
    const { machine } = await caiJson(["sim", "tdx", "init", "--out", out]);
    const { status, error } = await caiError(["agent", "token", ...asMachine(String(machine))]);
    expect([status, error["id"], error["got"]]).toEqual([3, "agent.attestation-rejected", "tdx.untrusted-root"]);
  });
});

describe("an artefact that is not the intended one (I28)", () => {
  test("under the very same key is refused, for the root is pinned", async () => {
    const { base64 } = await caiJson(["agent", "resource", "get", URI, ...world.agent]);
    const older = join(world.folder, "older.tar");
    writeFileSync(join(world.folder, "older.bin"), "an older version");
    await encryptModel({
      input: join(world.folder, "older.bin"),
      output: older,
      recipients: [{ kek: Buffer.from(String(base64), "base64"), uri: URI }],
    });
    const at = mountpoint();
    expect(await caiError(["agent", "mount", "--model", older, at, "--mode", "tmpfs", ...world.agent])).toMatchObject({
      status: 3,
      id: "model.root-mismatch",
    });
    const wanted = ["--root", `sha256:${"0".repeat(64)}`];
    expect(await caiError(["agent", "mount", "--model", enc, at, "--mode", "tmpfs", ...wanted, ...world.agent])).toMatchObject({
      status: 3,
      id: "model.root-conflict",
    });
  });

  test("whose root nobody stored is refused, unless that is accepted", async () => {
    const uri = "kbs:///default/model/unpinned";
    const secret = join(world.folder, "unpinned.key");
    const kek = crypto.getRandomValues(new Uint8Array(32));
    writeFileSync(secret, kek, { mode: 0o600 });
    await caiJson(["resource", "set", uri, "--file", secret, ...world.admin]);
    const artefact = join(world.folder, "unpinned.tar");
    await encryptModel({ input: plain, output: artefact, recipients: [{ kek, uri }] });
    const at = mountpoint();
    const args = ["agent", "mount", "--model", artefact, at, "--mode", "tmpfs", ...world.agent];
    expect(await caiError(args)).toMatchObject({ status: 3, id: "model.root-unpinned" });
    const mount = await start([...args, "--accept-unpinned-root"]);
    expect(mount.ready["root_pinned"]).toBe(false);
    await mount.kill("SIGTERM");
  });

  test("for another resource than the configured one is refused (I29)", async () => {
    await caiJson(["resource", "set", "kbs:///default/model/elsewhere", "--random", "32", ...world.admin]);
    const args = [
      "agent",
      "mount",
      "--model",
      enc,
      mountpoint(),
      "--mode",
      "tmpfs",
      "--resource",
      "kbs:///default/model/elsewhere",
      "--accept-unpinned-root",
    ];
    expect(await caiError([...args, ...world.agent])).toMatchObject({ status: 3, id: "model.slot-foreign" });
  });
});

describe("a trustee", () => {
  test("that is not there is said with what was tried, exit status 4", async () => {
    const { status, id, message } = await caiError(["agent", "token", "--trustee", "http://127.0.0.1:9", "--simulated-tdx", world.machine]);
    expect([status, id]).toEqual([4, "agent.trustee-unreachable"]);
    expect(message).toContain("http://127.0.0.1:9");
    const owner = await caiError(["resource", "ls", "--trustee", "http://127.0.0.1:9", "--admin-key", world.adminKey]);
    expect([owner.status, owner.id]).toEqual([4, "net.unreachable"]);
  }, 30_000);

  test("other than the pinned one is refused", async () => {
    const args = ["agent", "token", "--trustee", world.url, "--simulated-tdx", world.machine];
    expect(await caiError([...args, "--trustee-pin", `tid:${"A".repeat(43)}`])).toMatchObject({ status: 3, id: "agent.trustee-mismatch" });
  });

  test("over plain HTTP elsewhere is asked nothing without a pin (I8), and sent no secret (plaintext)", async () => {
    const there = ["--trustee", "http://192.0.2.1:8080"];
    expect(await caiError(["agent", "token", ...there, "--simulated-tdx", world.machine])).toMatchObject({
      status: 2,
      id: "agent.trustee-unauthenticated",
    });
  });

  test("serves its data once: a second serve is refused", async () => {
    const args = ["trustee", "serve", "--data", join(world.folder, "trustee"), "--listen", "127.0.0.1:0"];
    expect(await caiError(args)).toMatchObject({ status: 2, id: "trustee.data-in-use" });
  });

  test("listens elsewhere than on loopback only with TLS", async () => {
    const data = join(world.folder, "tls");
    expect(await caiError(["trustee", "serve", "--data", data, "--listen", "http://0.0.0.0:0"])).toMatchObject({
      status: 2,
      id: "trustee.tls-required",
    });
    const trustee = await start(["trustee", "serve", "--data", data, "--listen", "0.0.0.0:0"]);
    expect(String(trustee.ready["url"])).toStartWith("https://0.0.0.0:");
    expect(await trustee.kill("SIGTERM")).toBe(0);
  });

  test("for production takes neither a simulated anchor nor a simulated quote (I11)", async () => {
    const data = join(world.folder, "production");
    await caiJson(["trustee", "init", "--data", data]);
    expect(await caiError(["trustee", "init", "--simulated", "--data", data])).toMatchObject({ status: 2, id: "trustee.world-mismatch" });
    const sim = join(world.folder, "sim");
    const serve = ["trustee", "serve", "--data", data, "--listen", "127.0.0.1:0", "--collateral", join(sim, "collateral.json")];
    expect(await caiError([...serve, "--trust-anchor", join(sim, "anchor.pem")])).toMatchObject({
      status: 2,
      id: "trustee.simulated-anchor",
    });
    const production = await start(serve);
    const { error } = await caiError(["agent", "token", "--trustee", String(production.ready["url"]), "--simulated-tdx", world.machine]);
    expect([error["id"], error["got"]]).toEqual(["agent.attestation-rejected", "tdx.untrusted-root"]);
    expect(await production.kill("SIGTERM")).toBe(0);
  });

  test("killed while it serves keeps every secret, and serves again", async () => {
    const data = join(world.folder, "killed");
    const sim = join(world.folder, "sim");
    const { trustee: first, admin } = await startTrustee(data, sim);
    await caiJson(["resource", "set", "kbs:///default/a/b", "--random", "32", ...admin]);
    await first.kill("SIGKILL");
    const second = await serveAgain(data, sim);
    expect(second.ready["tid"]).toBe(first.ready["tid"]);
    const { base64 } = await caiJson([
      "agent",
      "resource",
      "get",
      "kbs:///default/a/b",
      "--trustee",
      String(second.ready["url"]),
      "--simulated-tdx",
      world.machine,
    ]);
    expect(Buffer.from(String(base64), "base64").length).toBe(32);
    await second.kill("SIGTERM");
  });

  test("keeps its keys to itself: files of mode 0600 and no secret in its log (I27)", async () => {
    const { base64 } = await caiJson(["agent", "resource", "get", URI, ...world.agent]);
    const key = Buffer.from(String(base64), "base64");
    for (const file of [world.adminKey, `${join(world.folder, "trustee")}.master`]) expect(statSync(file).mode & 0o077).toBe(0);
    const log = world.trustee.log();
    expect(log).toContain("release");
    for (const form of [key.toString("hex"), key.toString("base64"), key.toString("base64url")]) expect(log).not.toContain(form);
    for (const name of readdirSync(join(world.folder, "trustee")))
      expect(readFileSync(join(world.folder, "trustee", name)).includes(key)).toBe(false);
  });
});

describe("an administrator's request", () => {
  const elsewhere = ["--trustee", "http://192.0.2.1:8080"];

  test("sends no secret in the clear off loopback, not even where the trustee is pinned", async () => {
    const to = [...elsewhere, "--admin-key", world.adminKey, "--trustee-pin", world.pin];
    expect(await caiError(["resource", "set", "kbs:///a/b/c", "--random", "32", ...to])).toMatchObject({
      status: 2,
      id: "owner.plaintext-trustee",
    });
    const encrypt = ["model", "encrypt", plain, "-o", join(world.folder, "clear.tar"), "--resource", "kbs:///a/b/c"];
    expect(await caiError([...encrypt, ...to])).toMatchObject({ status: 2, id: "owner.plaintext-trustee" });
  });

  test("asks nobody unknown in the clear off loopback, and not another trustee than the pinned one", async () => {
    const list = ["resource", "ls", "--admin-key", world.adminKey];
    expect(await caiError([...list, ...elsewhere])).toMatchObject({ status: 2, id: "owner.trustee-unauthenticated" });
    const pin = ["--trustee", world.url, "--trustee-pin", `tid:${"A".repeat(43)}`];
    expect(await caiError([...list, ...pin])).toMatchObject({ status: 3, id: "owner.trustee-mismatch" });
  });

  test("needs an Ed25519 key, and shows nothing of a file that holds none", async () => {
    const wrong = join(world.folder, "wrong.key");
    writeFileSync(wrong, "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n");
    const { status, id, error } = await caiError(["resource", "ls", "--trustee", world.url, "--admin-key", wrong]);
    expect([status, id]).toEqual([2, "owner.admin-key-invalid"]);
    expect(JSON.stringify(error)).not.toContain("c2VjcmV0");
  });

  test("that is interrupted says so", async () => {
    const silent = Bun.serve({ port: 0, hostname: "127.0.0.1", idleTimeout: 60, fetch: () => new Promise<Response>(() => {}) });
    const args = [CAI, "resource", "ls", "--trustee", silent.url.href, "--admin-key", world.adminKey];
    const child = Bun.spawn(args, { stdout: "ignore", stderr: "pipe", env: {} });
    while (silent.pendingRequests === 0) await Bun.sleep(1);
    child.kill("SIGINT");
    expect(await new Response(child.stderr).text()).toContain("cli.interrupted");
    expect(await child.exited).toBe(1);
    silent.stop(true);
  });
});

describe("the owner's commands", () => {
  test("list, remove and refuse to overwrite secrets", async () => {
    const uri = "kbs:///default/token/t";
    await caiJson(["resource", "set", uri, "--random", "32", ...world.admin]);
    expect(await caiError(["resource", "set", uri, "--random", "32", ...world.admin])).toMatchObject({
      status: 1,
      id: "kbs.resource-exists",
    });
    expect((await caiJson(["resource", "ls", ...world.admin]))["resources"]).toContain(uri);
    await caiJson(["resource", "rm", uri, ...world.admin]);
    expect((await caiJson(["resource", "ls", ...world.admin]))["resources"]).not.toContain(uri);
    expect((await caiError(["agent", "resource", "get", uri, ...world.agent])).id).toBe("agent.resource-not-found");
  });

  test("notice before encrypting that the key's place is taken, and leave no archive when the trustee refuses", async () => {
    const out = join(world.folder, "again.tar");
    const args = ["model", "encrypt", plain, "-o", out, "--resource", URI];
    expect(await caiError([...args, ...world.admin])).toMatchObject({ status: 1, id: "kbs.resource-exists" });
    const { admin_key } = await caiJson(["trustee", "init", "--simulated", "--data", join(world.folder, "stranger")]);
    expect((await caiError([...args, "--trustee", world.url, "--admin-key", String(admin_key)])).id).toBe("admin.unauthenticated");
    expect(readdirSync(world.folder).filter((name) => name.includes("again.tar"))).toEqual([]);
  });

  test("show policies in force and refuse one that does not compile", async () => {
    const { policy } = await caiJson(["policy", "get", "resource", ...world.admin]);
    expect(String(policy)).toContain("package policy");
    const bad = join(world.folder, "bad.rego");
    writeFileSync(bad, "package policy\nallow := {");
    expect((await caiError(["policy", "set", "resource", bad, ...world.admin])).id).toBe("policy.parse-error");
    expect((await caiJson(["policy", "get", "resource", ...world.admin]))["policy"]).toBe(policy!);
  });

  test("set, list and remove reference values", async () => {
    await caiJson(["reference", "set", "demo.value", "aa,bb", ...world.admin]);
    const listed = async () => (await caiJson(["reference", "ls", ...world.admin]))["references"] as { name: string; value: unknown }[];
    const found = async () => (await listed()).find(({ name }) => name === "demo.value");
    expect(await found()).toMatchObject({ value: ["aa", "bb"], uses: 0, last_used: null });
    await caiJson(["reference", "rm", "demo.value", ...world.admin]);
    expect(await found()).toBeUndefined();
  });
});

describe("the agent's commands", () => {
  test("print evidence over the data that was asked for, and refuse data reserved for the agent (I5)", async () => {
    const evidence = await caiJson(["agent", "evidence", "--report-data", "ab".repeat(64), "--simulated-tdx", world.machine]);
    expect(Buffer.from(String(evidence["quote"]), "base64").subarray(568, 632).toString("hex")).toBe("ab".repeat(64));
    const reserved = "00".repeat(48) + Buffer.from("cai/v1/rcar").toString("hex");
    expect((await caiError(["agent", "evidence", "--report-data", reserved, "--simulated-tdx", world.machine])).id).toBe(
      "agent.report-data-reserved",
    );
    expect((await caiError(["agent", "evidence", "--report-data", "00", "--tdx-root", "/nonexistent"])).id).toBe("agent.no-tee");
  });

  test("print a token that says simulated, fresh, tagged, and whose signature the published keys verify", async () => {
    const { token, claims } = await caiJson(["agent", "token", ...world.agent]);
    expect(claims).toMatchObject({ simulated: true, cai: { use: "kbs", world: "simulated", fresh: "nonce", binding: "tagged" } });
    const keys = (await (await fetch(`${world.url}/.well-known/jwks.json`)).json()) as { keys: { kty: string }[] };
    const [header, payload, signature] = String(token).split(".");
    const key = await crypto.subtle.importKey("jwk", keys.keys[0]!, { name: "ECDSA", namedCurve: "P-256" }, false, ["verify"]);
    const signed = new TextEncoder().encode(`${header}.${payload}`);
    expect(await crypto.subtle.verify({ name: "ECDSA", hash: "SHA-256" }, key, Buffer.from(String(signature), "base64url"), signed)).toBe(
      true,
    );
  });

  test("write a secret byte for byte to standard output", async () => {
    const file = join(world.folder, "secret");
    writeFileSync(file, "line one\nno newline at the end");
    await caiJson(["resource", "set", "kbs:///default/text/t", "--file", file, ...world.admin]);
    expect((await cai(["agent", "resource", "get", "kbs:///default/text/t", ...world.agent], { env: { CAI_LOG: "error" } })).stdout).toBe(
      "line one\nno newline at the end",
    );
  });
});
