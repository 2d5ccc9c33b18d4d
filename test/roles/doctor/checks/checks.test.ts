import { afterAll, describe, expect, test } from "bun:test";
import { clock, clockAgainst } from "../../../../src/roles/doctor/checks/clock.ts";
import { collateral } from "../../../../src/roles/doctor/checks/collateral.ts";
import { kernel } from "../../../../src/roles/doctor/checks/kernel.ts";
import { memory } from "../../../../src/roles/doctor/checks/memory.ts";
import { mounting } from "../../../../src/roles/doctor/checks/mounting.ts";
import { platform } from "../../../../src/roles/doctor/checks/platform.ts";
import { rootFileSystem } from "../../../../src/roles/doctor/checks/root-file-system.ts";
import { trustee } from "../../../../src/roles/doctor/checks/trustee.ts";
import { trusteeData } from "../../../../src/roles/doctor/checks/trustee-data.ts";
import { CaiError, type HttpClient } from "../../../../src/system/index.ts";
import { configuredOrigins } from "../../../../src/tee/tdx/index.ts";
import { haveVectors, vector } from "../../../tee/tdx/testing.ts";
import { finding, kinds, machineWith, removeMachines } from "../fake-machine.ts";

afterAll(removeMachines);
const NOW = 1_768_003_200;

describe("the platform", () => {
  const cloud = (vendor: string) => ({ "/sys/class/dmi/id/sys_vendor": `${vendor}\n` });

  test("is a TDX guest where the attester says so, and the firmware names the cloud", () => {
    const { isTee, findings } = platform(machineWith(cloud("Alibaba Cloud")), true);
    expect([isTee, kinds(findings), findings[1]?.message]).toEqual([
      true,
      ["platform.tdx ok", "platform.cloud info"],
      "the firmware says that the machine is Alibaba Cloud",
    ]);
  });

  test("that another TEE's device shows is one that gives no evidence", () => {
    for (const [device, id] of [
      ["/dev/csv-guest", "platform.csv"],
      ["/dev/sev-guest", "platform.snp"],
    ] as const) {
      const { isTee, findings } = platform(machineWith({ [device]: "" }), false);
      expect([isTee, findings[0]?.id, findings[0]?.severity]).toEqual([true, id, "problem"]);
    }
  });

  test("without a device is said to lack its driver, to be behind a virtual TPM, or to be none", () => {
    const id = (files: Record<string, string>) => platform(machineWith(files), false).findings[0]?.id;
    expect(id({ "/proc/cpuinfo": "processor : 0\nflags\t\t: fpu tdx_guest sse\n" })).toBe("platform.tdx-device-missing");
    expect(id({ ...cloud("Microsoft Corporation"), "/dev/tpm0": "" })).toBe("platform.azure-vtpm");
    expect(id({ "/proc/cpuinfo": "flags\t\t: fpu not_tdx_guest\n" })).toBe("platform.none");
    expect(platform(machineWith(), false).isTee).toBe(false);
  });
});

test("the kernel is compared by its numbers with what each interface needs", () => {
  const of = (release: string) => kernel(machineWith({ "/proc/sys/kernel/osrelease": `${release}\n` }))[0];
  expect(of("6.18.44-generic")?.severity).toBe("ok");
  expect(of("6.16.0")?.severity).toBe("ok");
  expect(of("7.0")?.severity).toBe("ok");
  expect(of("6.7.1")?.message).toContain("registers as files (6.16)");
  expect(of("5.10.134-16.al8")?.message).toContain("configfs-tsm (6.7) and measurement registers as files (6.16)");
  expect(of("strange")?.severity).toBe("warning");
  expect(kernel(machineWith())[0]?.severity).toBe("warning");
});

test("swap to a disk and core files are ways of plaintext to a disk", () => {
  const heading = "Filename Type Size Used Priority\n";
  const of = (swaps: string, pattern: string) =>
    kinds(memory(machineWith({ "/proc/swaps": swaps, "/proc/sys/kernel/core_pattern": `${pattern}\n` })));
  expect(of(heading, "")).toEqual(["memory.swap ok", "memory.core-files ok"]);
  expect(of(`${heading}/dev/zram0 partition 1 0 100\n`, "")).toEqual(["memory.swap ok", "memory.core-files ok"]);
  expect(of(`${heading}/dev/vda2 partition 1 0 -2\n`, "core")).toEqual(["memory.swap warning", "memory.core-files warning"]);
  expect(kinds(memory(machineWith()))).toEqual(["memory.swap warning", "memory.core-files warning"]);
  const piped = memory(machineWith({ "/proc/sys/kernel/core_pattern": "|/usr/share/apport/apport %p %s" }));
  expect(finding(piped, "memory.core-files").message).toContain("/usr/share/apport/apport");
});

test("mounting needs FUSE, and fusermount3 for users", () => {
  const helper = { "/usr/bin/fusermount3": "" };
  expect(kinds(mounting(machineWith(helper), { available: true }))).toEqual(["mount.fuse ok", "mount.fusermount ok"]);
  const without = mounting(machineWith(), { available: false, why: "/dev/fuse does not exist" });
  expect(kinds(without)).toEqual(["mount.fuse warning", "mount.fusermount info"]);
  expect(without[0]).toMatchObject({
    message: expect.stringContaining("/dev/fuse does not exist"),
    mend: expect.stringContaining("--mode tmpfs"),
  });
});

describe("the clock", () => {
  test("in the past is a problem", () => {
    expect(clock(NOW)[0]?.severity).toBe("ok");
    expect(clock(0)[0]).toMatchObject({ severity: "problem", message: expect.stringContaining("1970-01-01T00:00:00Z") });
  });

  test("is compared with a peer's, five minutes either way", () => {
    const against = (seconds: number) => clockAgainst("https://t", new Date((NOW + seconds) * 1000).toUTCString(), NOW)[0];
    expect([against(0), against(300), against(-300)].map((one) => one?.severity)).toEqual(["ok", "ok", "ok"]);
    expect(against(301)).toMatchObject({ severity: "problem", message: expect.stringContaining("301 s behind") });
    expect(against(-86_400)).toMatchObject({ severity: "problem", message: expect.stringContaining("86400 s ahead") });
    expect(clockAgainst("https://t", "", NOW)).toEqual([]);
  });
});

describe("the trustee", () => {
  const answering = (status: number, headers: Record<string, string> = {}): HttpClient & { asked: string[] } => {
    const asked: string[] = [];
    return {
      asked,
      request: async ({ url }) => {
        asked.push(url.href);
        return { status, headers: new Headers(headers), body: new Uint8Array() };
      },
    };
  };
  const failing = (id: "net.unreachable" | "net.tls-failed"): HttpClient => ({
    request: () => Promise.reject(new CaiError(id, "no connection", { got: "ECONNREFUSED" })),
  });

  test("that answers is asked for its health below its address, and for the time", async () => {
    const client = answering(200, { date: new Date(NOW * 1000).toUTCString() });
    expect(kinds(await trustee(client, new URL("https://t.example/kbs"), NOW))).toEqual(["trustee.reachable ok", "clock.agrees ok"]);
    expect(client.asked).toEqual(["https://t.example/kbs/healthz"]);
    expect(kinds(await trustee(answering(404), new URL("https://t.example"), NOW))).toEqual(["trustee.reachable info"]);
  });

  test("that is far away and has no TLS needs a pin", async () => {
    expect(kinds(await trustee(answering(200), new URL("http://t.example:8080"), NOW))).toContain("trustee.plain-http warning");
    expect(kinds(await trustee(answering(200), new URL("http://127.0.0.1:8080"), NOW))).toEqual(["trustee.reachable ok"]);
  });

  test("that does not answer is a problem, with what to try", async () => {
    expect((await trustee(failing("net.unreachable"), new URL("https://t.example"), NOW))[0]).toMatchObject({
      severity: "problem",
      mend: "curl -v https://t.example/healthz",
      message: expect.stringContaining("ECONNREFUSED"),
    });
    expect((await trustee(failing("net.tls-failed"), new URL("https://t.example"), NOW))[0]?.mend).toContain("--ca");
  });
});

describe("collateral", () => {
  const origins = (setting: string) =>
    configuredOrigins(setting, {
      environment: {},
      readFile: () => undefined,
      metadata: { request: () => Promise.reject(new Error("asked")) },
    });
  const client = (reachable: (host: string) => boolean): HttpClient => ({
    request: async ({ url }) => {
      if (!reachable(url.hostname)) throw new CaiError("net.unreachable", `no connection to ${url.origin}`);
      return { status: 200, headers: new Headers(), body: vector("raw/pckcrl-platform-2023-06.der").slice() };
    },
  });
  const readFile = () => [];
  const of = (setting: string, reachable: (host: string) => boolean) =>
    collateral({ origins: origins(setting), client: client(reachable), readFile });

  test.skipIf(!haveVectors)("is fine where every source answers, and worth knowing where one or all do not", async () => {
    const list = "http://one.example,http://two.example";
    expect(kinds(await of(list, () => true))).toEqual(["collateral.reachable ok"]);
    const [some] = await of(list, (host) => host === "one.example");
    expect(some).toMatchObject({
      severity: "info",
      message: expect.stringMatching(/can be had from .*one\.example.*not from every source: .*two\.example/),
    });
    const [none] = await of(list, () => false);
    expect(none).toMatchObject({ severity: "info", message: expect.stringContaining("no source of collateral answers (as setting says)") });
  });
});

describe("the root file system", () => {
  const hash = "ab".repeat(32);
  const mounts = { "/proc/self/mountinfo": "21 1 254:0 / / ro - ext4 /dev/mapper/root ro\n22 21 0:5 / /proc rw - proc proc rw\n" };
  const verity = { "/sys/dev/block/254:0/dm/uuid": "CRYPT-VERITY-0123-root\n" };

  test("is protected on dm-verity whose hash the command line names", () => {
    for (const word of ["roothash", "fde_rootfs_hash", "verity_root_hash"]) {
      const machine = machineWith({ ...mounts, ...verity, "/proc/cmdline": `quiet ${word}=${hash} ro` });
      expect([rootFileSystem(machine).protected, kinds(rootFileSystem(machine).findings)]).toEqual([true, ["system.root-integrity ok"]]);
    }
  });

  test("is not where one of the two is missing, or only looks like it", () => {
    const cases: Record<string, string>[] = [
      {},
      { ...mounts, "/proc/cmdline": `roothash=${hash}` },
      { ...mounts, ...verity, "/proc/cmdline": "root=/dev/vda1" },
      { ...mounts, ...verity, "/proc/cmdline": "roothash=short" },
      { ...mounts, ...verity, "/proc/cmdline": `noroothash=${hash}` },
      { ...mounts, ...verity, "/proc/cmdline": `usrhash=${hash} systemd.verity_usr_hash=${hash}` },
      { ...mounts, "/sys/dev/block/254:0/dm/uuid": "CRYPT-LUKS2-root", "/proc/cmdline": `roothash=${hash}` },
      { "/proc/self/mountinfo": "21 1 ../../x / / ro - ext4 x ro", ...verity, "/proc/cmdline": `roothash=${hash}` },
    ];
    for (const files of cases) {
      const { protected: isProtected, findings } = rootFileSystem(machineWith(files));
      expect([isProtected, findings[0]?.severity]).toEqual([false, "warning"]);
    }
  });
});

describe("the data of a trustee on this machine", () => {
  const keys = { "/srv/trustee/admin.key": "", "/srv/trustee.master": "" };
  const process = (...words: string[]) => ({ "/proc/77/cmdline": ["/usr/bin/cai", "trustee", "serve", ...words, ""].join("\0") });
  const beside = ["trustee.admin-key-beside warning", "trustee.master-key-beside warning"];

  test("with its keys beside it is worth a warning where others can reach the trustee", () => {
    const open = machineWith({ ...keys, "/srv/trustee/trustee.toml": 'listen = "0.0.0.0:8443"\n' });
    expect(kinds(trusteeData(open, "/srv/trustee"))).toEqual(beside);
    const list = machineWith({ ...keys, "/srv/trustee/trustee.toml": 'listen = ["127.0.0.1:8080", "[::]:8443"]\n' });
    expect(kinds(trusteeData(list, "/srv/trustee"))).toEqual(beside);
    expect(kinds(trusteeData(machineWith(keys), "/srv/trustee"))).toEqual(["trustee.keys ok"]);
    const moved = machineWith({ "/srv/trustee/trustee.toml": 'listen = "0.0.0.0:8443"\n' });
    expect(kinds(trusteeData(moved, "/srv/trustee"))).toEqual(["trustee.keys ok"]);
  });

  test("is found by the processes that serve it", () => {
    const of = (...words: string[]) => kinds(trusteeData(machineWith({ ...keys, ...process(...words) }), undefined));
    expect(of("--data", "/srv/trustee", "--listen", "192.0.2.1:8443")).toEqual(beside);
    expect(of("--listen=0.0.0.0:8443", "--data=/srv/trustee/")).toEqual(beside);
    expect(of("--data", "/srv/trustee", "--listen", "127.0.0.1:1", "--listen", "0.0.0.0:2")).toEqual(beside);
    expect(of("--data", "/srv/trustee", "--listen", "https://trustee.example:8443")).toEqual(beside);
    expect(of("--data", "/srv/trustee", "--listen", "[::1]:8443")).toEqual(["trustee.keys ok"]);
    expect(of("--data", "/srv/trustee", "--listen", "http://127.0.0.1:1", "--listen", "unix:/run/x")).toEqual(["trustee.keys ok"]);
    expect(of("--data", "/srv/trustee")).toEqual(["trustee.keys ok"]);
    expect(trusteeData(machineWith(keys), undefined)).toEqual([]);
  });
});
