import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encryptModel, formatRootLines, fuseAvailable, writeKeyFile } from "../../../src/model/index.ts";
import { type ModelKeySource, type MountedModel, type MountModelSettings, mountModel } from "../../../src/roles/agent/index.ts";
import { createKbsClient } from "../../../src/roles/agent/kbs-client.ts";
import { createLogger, processHardening } from "../../../src/system/index.ts";
import { utf8 } from "../../protocol/samples.ts";
import { asyncRejection } from "../../rejection.ts";
import { FakeAttester, FakeTrustee } from "./fake-trustee.ts";

const URI = "kbs:///default/model/qwen";
const ROOT_URI = `${URI}.root`;
const OTHER_ROOT = `sha256:${"0".repeat(64)}`;
const WEIGHTS = randomBytes(300_000);
const KEK = randomBytes(32);
const NO_SWAP = "Filename Type Size Used Priority\n";

let folder: string;
let model: string;
let root: string;
let trustee: FakeTrustee;
let logged: string[];
let mounted: MountedModel | undefined;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "mount-model-"));
  const plain = join(folder, "plain");
  mkdirSync(plain);
  writeFileSync(join(plain, "weights.bin"), WEIGHTS);
  model = join(folder, "enc.tar");
  ({ root } = await encryptModel({ input: plain, output: model, recipients: [{ kek: KEK, uri: URI }], workers: 0 }));
  await encryptModel({ input: plain, output: join(folder, "older.tar"), recipients: [{ kek: KEK, uri: URI }], workers: 0 });
  const two = [URI, "kbs:///default/model/second"].map((uri) => ({ kek: KEK, uri }));
  await encryptModel({ input: plain, output: join(folder, "two.tar"), recipients: [two[0]!, two[1]!], workers: 0 });
  const filed = await encryptModel({ input: plain, output: join(folder, "filed.tar"), recipients: [{ kek: KEK }], workers: 0 });
  await writeKeyFile(join(folder, "key"), KEK, filed.root);
  await writeKeyFile(join(folder, "bare-key"), KEK);
});
afterAll(() => rmSync(folder, { recursive: true }));

beforeEach(() => {
  trustee = new FakeTrustee();
  trustee.resources.set(URI, KEK);
  trustee.resources.set(ROOT_URI, utf8(formatRootLines([root])));
  logged = [];
});
afterEach(async () => {
  await mounted?.unmount();
  mounted = undefined;
  await trustee.stop();
});

const logger = createLogger("debug", false, (line) => logged.push(line));

function fromTrustee(resource?: string): ModelKeySource {
  const client = createKbsClient({ trustee: trustee.url, attester: new FakeAttester(), logger, retry: { attempts: 1 } });
  return { client, ...(resource !== undefined && { resource }) };
}

async function mount(settings: Partial<MountModelSettings> = {}): Promise<MountedModel> {
  const mountpoint = mkdtempSync(join(folder, "at-"));
  mounted = await mountModel({
    model,
    mountpoint,
    key: fromTrustee(URI),
    mode: "tmpfs",
    logger,
    swapTable: () => NO_SWAP,
    ...settings,
  });
  return mounted;
}

const refusal = (settings: Partial<MountModelSettings>) => asyncRejection(mount(settings));

describe("mounting a model", () => {
  test("shows the plain bytes, under the root that the trustee keeps beside the key", async () => {
    const mounted = await mount();
    expect(readFileSync(join(mounted.mountpoint, "weights.bin")).equals(WEIGHTS)).toBe(true);
    expect(mounted).toMatchObject({ root, rootPinned: true, mode: "tmpfs", resource: URI });
    expect(trustee.requests.filter((line) => line.startsWith("GET"))).toEqual([
      "GET /resource/default/model/qwen",
      "GET /resource/default/model/qwen with session",
      "GET /resource/default/model/qwen.root with session",
    ]);
  });

  test.skipIf(!fuseAvailable().available)("by FUSE shows the same bytes (skipped where this machine has no FUSE)", async () => {
    const { mountpoint } = await mount({ mode: "fuse" });
    // Read by another process: the one that serves a mount must not wait for it.
    const read = Bun.spawn(["cat", join(mountpoint, "weights.bin")], { stdout: "pipe" });
    expect(Buffer.from(await new Response(read.stdout).arrayBuffer()).equals(WEIGHTS)).toBe(true);
  });

  test("leaves this process without core files", async () => {
    await mount();
    expect(processHardening()).toEqual({ coreLimit: 0n, dumpable: false });
  });

  test("logs neither key nor token", async () => {
    await mount();
    const text = logged.join("\n");
    expect(text).toContain(root);
    for (const encoding of ["hex", "base64", "base64url"] as const) expect(text).not.toContain(KEK.toString(encoding));
    expect(text).not.toContain("eyJ");
  });

  test("works with a key file and asks no trustee", async () => {
    const mounted = await mount({ model: join(folder, "filed.tar"), key: { keyFile: join(folder, "key") } });
    expect(mounted.rootPinned).toBe(true);
    expect(mounted.resource).toBeUndefined();
    expect(trustee.requests).toEqual([]);
  });
});

describe("which model it is", () => {
  test("an older artefact under the same key is refused, and nothing appears", async () => {
    const mountpoint = mkdtempSync(join(folder, "at-"));
    expect((await refusal({ model: join(folder, "older.tar"), mountpoint })).id).toBe("model.root-mismatch");
    expect(readdirSync(mountpoint)).toEqual([]);
  });

  test("a missing root is refused, unless that is accepted, and then it is logged", async () => {
    trustee.resources.delete(ROOT_URI);
    expect((await refusal({})).id).toBe("model.root-unpinned");
    const mounted = await mount({ acceptUnpinnedRoot: true });
    expect(mounted.rootPinned).toBe(false);
    expect(logged.join("\n")).toContain("no root is pinned");
  });

  test("a bare key file pins nothing either", async () => {
    const key = { keyFile: join(folder, "bare-key") };
    expect((await refusal({ model: join(folder, "filed.tar"), key })).id).toBe("model.root-unpinned");
  });

  test("a root on the command line pins by itself", async () => {
    trustee.resources.delete(ROOT_URI);
    expect((await mount({ root })).rootPinned).toBe(true);
    expect((await refusal({ root: OTHER_ROOT })).id).toBe("model.root-mismatch");
  });

  test("a root on the command line must agree with the trustee's and the key file's, and accepting unpinned roots lifts nothing", async () => {
    expect((await refusal({ root: OTHER_ROOT, acceptUnpinnedRoot: true })).id).toBe("model.root-conflict");
    const key = { keyFile: join(folder, "key") };
    expect((await refusal({ model: join(folder, "filed.tar"), key, root: OTHER_ROOT })).id).toBe("model.root-conflict");
  });

  test("during an upgrade either of the trustee's two roots will do", async () => {
    trustee.resources.set(ROOT_URI, utf8(formatRootLines([OTHER_ROOT, root])));
    expect((await mount()).root).toBe(root);
  });

  test("a root that is none is refused", async () => {
    for (const text of ["", "sha256:abc\n", formatRootLines([root]).repeat(3), "\xff"]) {
      trustee.resources.set(ROOT_URI, text === "\xff" ? Uint8Array.of(0xff) : utf8(text));
      expect((await refusal({})).id).toBe("agent.resource-invalid");
    }
  });
});

describe("which key it is", () => {
  test("without --resource the artefact's own path is asked for, at the configured trustee, and that is said", async () => {
    expect(await mount({ key: fromTrustee() })).toMatchObject({ resource: URI, modelPinned: false });
    expect(logged.join("\n")).toContain("the artefact itself names its key");
  });

  test("an artefact is called the intended model only where the command line names key or root", async () => {
    for (const settings of [
      {},
      { key: fromTrustee(), root },
      { model: join(folder, "filed.tar"), key: { keyFile: join(folder, "key") } },
    ]) {
      const { modelPinned, unmount } = await mount(settings);
      expect(modelPinned).toBe(true);
      await unmount();
    }
  });

  test("an artefact that names none or several resources needs one on the command line", async () => {
    expect((await refusal({ model: join(folder, "filed.tar"), key: fromTrustee() })).id).toBe("agent.resource-unknown");
    const error = await refusal({ model: join(folder, "two.tar"), key: fromTrustee() });
    expect(error.id).toBe("agent.resource-unknown");
    expect(error.got).toContain("default/model/second");
    expect(trustee.requests).toEqual([]);
  });

  test("an artefact for another resource than the configured one is refused, though the key would open it", async () => {
    const other = "kbs:///default/model/elsewhere";
    trustee.resources.set(other, KEK);
    trustee.resources.set(`${other}.root`, utf8(formatRootLines([root])));
    expect((await refusal({ key: fromTrustee(other) })).id).toBe("model.slot-foreign");
  });

  test("another key is refused", async () => {
    trustee.resources.set(URI, randomBytes(32));
    expect((await refusal({})).id).toBe("model.key-wrong");
  });

  test.each([0, 31, 33])("a resource of %i bytes is no key", async (size) => {
    trustee.resources.set(URI, new Uint8Array(size));
    expect((await refusal({})).id).toBe("agent.resource-invalid");
  });

  test("a key that the trustee has not is said to be missing", async () => {
    trustee.resources.delete(URI);
    expect((await refusal({})).id).toBe("agent.resource-not-found");
  });

  test("a trustee that is away ends with status 4", async () => {
    await trustee.stop();
    expect(await refusal({})).toMatchObject({ id: "agent.trustee-unreachable", exitCode: 4 });
  });
});

describe("where plaintext may go", () => {
  const onDisk = () => `${NO_SWAP}/swapfile file 1048572 0 -2\n/dev/zram0 partition 1048572 0 100\n`;

  test("swap on a disk refuses the mount before the trustee is asked", async () => {
    const error = await refusal({ swapTable: onDisk });
    expect(error).toMatchObject({ id: "agent.swap-enabled", got: "/swapfile" });
    expect(trustee.requests).toEqual([]);
  });

  test("accepted swap is logged", async () => {
    await mount({ swapTable: onDisk, acceptSwap: true });
    expect(logged.join("\n")).toContain("/swapfile");
  });

  test("compressed memory is no disk", async () => {
    await mount({ swapTable: () => `${NO_SWAP}/dev/zram0 partition 1048572 0 100\n` });
  });

  test("a swap table that cannot be read is not taken for none", async () => {
    const unreadable = () => {
      throw Object.assign(new Error("no"), { code: "EIO" });
    };
    await expect(mount({ swapTable: unreadable })).rejects.toThrow("no");
  });
});

describe("bad input", () => {
  test("a missing or broken artefact is refused before the trustee is asked", async () => {
    expect((await refusal({ model: join(folder, "none.tar") })).id).toBe("cli.input-unreadable");
    const broken = join(folder, "broken.tar");
    writeFileSync(broken, readFileSync(model).subarray(0, 10_000));
    expect((await refusal({ model: broken })).id).toBe("model.truncated");
    expect(trustee.requests).toEqual([]);
  });

  test("a missing mountpoint is said to be", async () => {
    expect((await refusal({ mountpoint: join(folder, "nowhere") })).id).toBe("model.mountpoint-missing");
  });
});
