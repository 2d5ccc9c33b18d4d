import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { generateKeyPairSync } from "node:crypto";
import { chmodSync, chownSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { initTrustee } from "../../../src/roles/trustee/init.ts";
import { masterKeyPath } from "../../../src/roles/trustee/store/index.ts";
import { idOf, openData, scratchData } from "./scratch.ts";

const isRoot = process.geteuid?.() === 0;
let dataDir: string;
let remove: () => void;

beforeEach(async () => {
  ({ dataDir, remove } = scratchData());
  await initTrustee({ dataDir, simulated: true });
});
afterEach(() => remove());

describe("the master key", () => {
  test("is needed", async () => {
    rmSync(masterKeyPath(dataDir));
    expect(await idOf(() => openData(dataDir))).toBe("store.master-key-missing");
    expect(await idOf(() => initTrustee({ dataDir, simulated: true }))).toBe("store.master-key-missing");
  });

  test("is refused while others may read it", async () => {
    chmodSync(masterKeyPath(dataDir), 0o640);
    expect(await idOf(() => openData(dataDir))).toBe("store.master-key-exposed");
  });

  test.skipIf(!isRoot)("is refused where it is another user's, whose file root could read (needs root)", async () => {
    chownSync(masterKeyPath(dataDir), 12_345, 12_345);
    expect(await idOf(() => openData(dataDir))).toBe("store.master-key-exposed");
    rmSync(dataDir, { recursive: true });
    expect(await idOf(() => initTrustee({ dataDir, simulated: true }))).toBe("store.master-key-exposed");
  });

  test("is refused when it is damaged", async () => {
    writeFileSync(masterKeyPath(dataDir), "short\n");
    expect(await idOf(() => openData(dataDir))).toBe("store.master-key-invalid");
  });
});

describe("init", () => {
  test("done again changes nothing and gives the same identity", async () => {
    const before = readFileSync(join(dataDir, "admin.key"), "utf8");
    const first = await initTrustee({ dataDir, simulated: true });
    const second = await initTrustee({ dataDir, simulated: true });
    expect([first.created, second.created, first.tid]).toEqual([false, false, second.tid]);
    expect(readFileSync(join(dataDir, "admin.key"), "utf8")).toBe(before);
  });

  test("refuses to make a store of the other world out of one that is there (I11)", async () => {
    expect(await idOf(() => initTrustee({ dataDir, simulated: false }))).toBe("trustee.world-mismatch");
  });

  test("finishes what was interrupted before the database was made, with the same keys", async () => {
    const [admin, master] = [readFileSync(join(dataDir, "admin.key"), "utf8"), readFileSync(masterKeyPath(dataDir), "utf8")];
    for (const file of ["trustee.db", "trustee.db-wal", "trustee.db-shm"]) rmSync(join(dataDir, file), { force: true });
    writeFileSync(join(dataDir, "trustee.db"), "");
    expect((await initTrustee({ dataDir, simulated: false })).created).toBe(true);
    expect(readFileSync(join(dataDir, "admin.key"), "utf8")).toBe(admin);
    expect(readFileSync(masterKeyPath(dataDir), "utf8")).toBe(master);
  });

  test("takes no admin key that somebody else may have put there", async () => {
    const planted = generateKeyPairSync("ed25519").privateKey.export({ format: "pem", type: "pkcs8" });
    const path = join(dataDir, "admin.key");
    const elsewhere = join(dataDir, "..", "elsewhere.key");
    const attempt = async (place: () => void) => {
      rmSync(dataDir, { recursive: true });
      mkdirSync(dataDir, { mode: 0o700 });
      place();
      const id = await idOf(() => initTrustee({ dataDir, simulated: true }));
      rmSync(elsewhere, { force: true });
      return id;
    };
    expect(await attempt(() => writeFileSync(path, planted, { mode: 0o600 }))).toBe("done");
    expect(await attempt(() => writeFileSync(path, planted, { mode: 0o640 }))).toBe("trustee.data-unusable");
    const link = () => {
      writeFileSync(elsewhere, planted, { mode: 0o600 });
      symlinkSync(elsewhere, path);
    };
    expect(await attempt(link)).toBe("trustee.data-unusable");
    expect(await attempt(() => chmodSync(dataDir, 0o777))).toBe("trustee.data-unusable");
    if (isRoot) expect(await attempt(() => chownSync(dataDir, 12_345, 12_345))).toBe("trustee.data-unusable");
  });

  test("says so when the data directory is a file", async () => {
    const file = join(dataDir, "file");
    writeFileSync(file, "");
    expect(await idOf(() => initTrustee({ dataDir: file, simulated: true }))).toBe("trustee.data-unusable");
  });
});
