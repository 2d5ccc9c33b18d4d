import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { openData } from "../../../../src/roles/trustee/data.ts";
import { initTrustee } from "../../../../src/roles/trustee/init.ts";
import { rekeyTrustee } from "../../../../src/roles/trustee/rekey.ts";
import type { KeySurroundings } from "../../../../src/roles/trustee/store/index.ts";
import { idOf, scratchData } from "../scratch.ts";

const PASSPHRASE = "correct horse battery staple";
const KEY = "5a".repeat(32);
let dataDir: string;
let folder: string;
let remove: () => void;

beforeEach(() => {
  ({ dataDir, remove } = scratchData());
  folder = join(dataDir, "..");
});
afterEach(() => remove());

/** Makes a trustee, then opens its store the same way. @returns the id of what refuses, or "done" */
async function initAndOpen(masterKey: string | undefined, keySurroundings?: KeySurroundings): Promise<string> {
  await initTrustee({ dataDir, simulated: true, masterKey, keySurroundings });
  return opened(masterKey, keySurroundings);
}

function opened(masterKey?: string, keySurroundings?: KeySurroundings): Promise<string> {
  return idOf(async () => {
    const { store } = await openData({ dataDir, masterKey, keySurroundings });
    await store.close();
  });
}

function file(name: string, text: string, mode = 0o600): string {
  const path = join(folder, name);
  writeFileSync(path, text, { mode });
  chmodSync(path, mode);
  return path;
}

function credentials(files: Record<string, string>, mode = 0o400): KeySurroundings {
  const directory = join(folder, "credentials");
  mkdirSync(directory, { recursive: true });
  for (const [name, text] of Object.entries(files)) file(join("credentials", name), text, mode);
  return { credentials: directory };
}

describe("a master key in a file", () => {
  test("lies where the setting says, closed to others", async () => {
    const path = join(folder, "elsewhere.key");
    expect(await initAndOpen(`file:${path}`)).toBe("done");
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(existsSync(`${dataDir}.master`)).toBe(false);
    expect(await opened()).toBe("store.master-key-missing");
  });

  test("of another store does not open this one", async () => {
    await initTrustee({ dataDir, simulated: true });
    expect(await opened(`file:${file("other.key", `${KEY}\n`)}`)).toBe("store.record-tampered");
  });

  test("is a small file, and no device or folder", async () => {
    await initTrustee({ dataDir, simulated: true });
    expect(await opened(`file:${file("long.key", "a".repeat(5000))}`)).toBe("store.master-key-invalid");
    expect(await opened(`file:${folder}`)).toBe("store.master-key-invalid");
  });
});

describe("a master key in a systemd credential", () => {
  test("is found by its name without a setting", async () => {
    const surroundings = credentials({ "cai-master-key": `${KEY}\n` });
    expect(await initAndOpen(undefined, surroundings)).toBe("done");
    expect(existsSync(`${dataDir}.master`)).toBe(false);
    expect(await opened("credential:cai-master-key", surroundings)).toBe("done");
    expect(await opened("credential:cai-master-key")).toBe("store.master-key-missing");
    expect(await opened("credential:another", surroundings)).toBe("store.master-key-missing");
  });

  test("may have the bit of the group, as systemd sets it, and no bit of others", async () => {
    expect(await initAndOpen("credential:key", credentials({ key: KEY }, 0o440))).toBe("done");
    expect(await opened("credential:key", credentials({ key: KEY }, 0o444))).toBe("store.master-key-exposed");
  });
});

describe("a master key of a passphrase", () => {
  test("is made again from the passphrase, of which nothing is written down", async () => {
    const setting = `passphrase:${file("passphrase", `${PASSPHRASE}\n`)}`;
    expect(await initAndOpen(setting)).toBe("done");
    const parameters = readFileSync(`${dataDir}.scrypt`, "utf8");
    expect(JSON.parse(parameters)).toMatchObject({ kdf: "scrypt", n: 131_072, r: 8, p: 1 });
    for (const form of [PASSPHRASE, Buffer.from(PASSPHRASE).toString("hex"), Buffer.from(PASSPHRASE).toString("base64")]) {
      expect(parameters).not.toContain(form);
    }
    expect(existsSync(`${dataDir}.master`)).toBe(false);
  }, 60_000);

  test("is asked for on a terminal where only its parameters are there, and elsewhere that is an error", async () => {
    const asked: boolean[] = [];
    const ask = async ({ new: fresh }: { readonly new: boolean }) => {
      asked.push(fresh);
      return Buffer.from(PASSPHRASE);
    };
    await initTrustee({ dataDir, simulated: true, masterKey: "passphrase", keySurroundings: { ask } });
    expect(await opened(undefined, { ask })).toBe("done");
    expect(asked).toEqual([true, false]);
    expect(await opened()).toBe("store.passphrase-missing");
    expect(await opened(undefined, { ask: async () => Buffer.from("another passphrase") })).toBe("store.master-key-wrong");
  }, 60_000);

  test("can come from a credential", async () => {
    const surroundings = credentials({ "store-passphrase": PASSPHRASE });
    expect(await initAndOpen("passphrase:credential:store-passphrase", surroundings)).toBe("done");
  }, 60_000);

  test("is the same however a character was composed", async () => {
    expect(await initAndOpen(`passphrase:${file("composed", "p\u00e4ssphrase one")}`)).toBe("done");
    expect(await opened(`passphrase:${file("decomposed", "pa\u0308ssphrase one")}`)).toBe("done");
  }, 60_000);

  test("is not taken where it is short, or in a file that others may read", async () => {
    const init = (masterKey: string) => idOf(() => initTrustee({ dataDir, simulated: true, masterKey }));
    expect(await init(`passphrase:${file("short", "short\n")}`)).toBe("store.passphrase-weak");
    expect(await init(`passphrase:${file("open", PASSPHRASE, 0o644)}`)).toBe("store.master-key-exposed");
    expect(await init("passphrase")).toBe("store.passphrase-missing");
    expect(existsSync(`${dataDir}.scrypt`)).toBe(false);
  }, 60_000);

  test("needs parameters that are its own, and no cheaper or dearer ones", async () => {
    const setting = `passphrase:${file("passphrase", PASSPHRASE)}`;
    expect(await initAndOpen(setting)).toBe("done");
    const path = `${dataDir}.scrypt`;
    const parameters = JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>;
    for (const change of [{ n: 2 }, { n: 1 << 24 }, { r: 1024 }, { kdf: "none" }, { salt: "" }, { more: 1 }]) {
      writeFileSync(path, JSON.stringify({ ...parameters, ...change }));
      expect(await opened(setting)).toBe("store.master-key-invalid");
    }
    writeFileSync(path, JSON.stringify({ ...parameters, salt: "00".repeat(32) }));
    expect(await opened(setting)).toBe("store.master-key-wrong");
    rmSync(path);
    expect(await opened(setting)).toBe("store.master-key-missing");
  }, 60_000);
});

describe("the setting", () => {
  test("has one of the forms that it may have, and its value is never said again", async () => {
    for (const setting of ["", KEY, "file:", "credential:", "credential:../x", "passphrase:", "passphrase:credential:a/b", "vault:x"]) {
      const error = await initTrustee({ dataDir, simulated: true, masterKey: setting }).catch((thrown: unknown) => thrown);
      expect([setting, (error as { id?: string }).id]).toEqual([setting, "cli.setting-invalid"]);
      expect(JSON.stringify(error)).not.toContain(KEY);
    }
  });
});

describe("after a rekey that was interrupted", () => {
  test("the store opens with the key in waiting where it is sealed with that one, which then takes its place", async () => {
    await initTrustee({ dataDir, simulated: true });
    const path = `${dataDir}.master`;
    const right = readFileSync(path, "utf8");
    renameSync(path, `${path}.new`);
    file("data.master", `${KEY}\n`);
    expect(await opened()).toBe("done");
    expect(existsSync(`${path}.new`)).toBe(true);
    const { store } = await openData({ dataDir }, { settle: true });
    await store.close();
    expect(readFileSync(path, "utf8")).toBe(right);
    expect(existsSync(`${path}.new`)).toBe(false);
  });

  test("the store opens with its own key beside one in waiting that seals nothing, whole or in part", async () => {
    await initTrustee({ dataDir, simulated: true });
    for (const text of [`${KEY}\n`, "", "5a5a"]) {
      file("data.master.new", text);
      expect(await opened()).toBe("done");
    }
  });

  test("the store says that it was tampered with where neither key is its own", async () => {
    await initTrustee({ dataDir, simulated: true });
    file("data.master", `${KEY}\n`);
    file("data.master.new", `${"11".repeat(32)}\n`);
    expect(await opened()).toBe("store.record-tampered");
  });

  test("a passphrase opens the store under whichever parameters are its own", async () => {
    const setting = `passphrase:${file("passphrase", PASSPHRASE)}`;
    await initTrustee({ dataDir, simulated: true, masterKey: setting });
    const own = `${dataDir}.scrypt`;
    const other = { dataDir: join(folder, "other"), masterKey: `passphrase:${file("other-passphrase", "another passphrase")}` };
    await initTrustee({ ...other, simulated: true });
    copyFileSync(`${other.dataDir}.scrypt`, `${own}.new`);
    expect(await opened(setting)).toBe("done");
    renameSync(own, `${own}.new`);
    copyFileSync(`${other.dataDir}.scrypt`, own);
    expect(await opened(setting)).toBe("done");
    expect(await opened(other.masterKey)).toBe("store.record-tampered");
  }, 60_000);

  test("the parameters in waiting that a passphrase fits take their place, so that the next rekey does not take them for left over", async () => {
    const passphrase = file("passphrase", PASSPHRASE);
    const setting = `passphrase:${passphrase}`;
    await initTrustee({ dataDir, simulated: true, masterKey: setting });
    // Killed after the store was sealed anew: the old parameters are in force still, and the passphrase fits those in waiting only.
    renameSync(`${dataDir}.scrypt`, `${dataDir}.scrypt.new`);
    const other = { dataDir: join(folder, "other"), masterKey: `passphrase:${file("other-passphrase", "another passphrase")}` };
    await initTrustee({ ...other, simulated: true });
    copyFileSync(`${other.dataDir}.scrypt`, `${dataDir}.scrypt`);
    const weak = `passphrase:${file("weak", "short")}`;
    expect(await rekeyTrustee({ dataDir, masterKey: setting, next: weak }).catch((error: { id?: string }) => error.id)).toBe(
      "store.passphrase-weak",
    );
    expect(await opened(setting)).toBe("done");
  }, 60_000);
});

test("a rekey to the same file under another name is refused, and the key stays", async () => {
  await initTrustee({ dataDir, simulated: true });
  symlinkSync(`${dataDir}.master`, join(folder, "link.master"));
  expect(await idOf(() => rekeyTrustee({ dataDir, next: `file:${join(folder, "link.master")}` }))).toBe("cli.usage");
  expect(await opened()).toBe("done");
});
