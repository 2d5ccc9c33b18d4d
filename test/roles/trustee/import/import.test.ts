import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { constants, createCipheriv, generateKeyPairSync, publicEncrypt, randomBytes } from "node:crypto";
import { linkSync, mkdirSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { withData } from "../../../../src/roles/trustee/data.ts";
import { importInstallation } from "../../../../src/roles/trustee/import/importer.ts";
import { type OldTrustee, readOldTrustee } from "../../../../src/roles/trustee/import/old-trustee.ts";
import type { ImportReport, Item } from "../../../../src/roles/trustee/import/report.ts";
import { initTrustee } from "../../../../src/roles/trustee/init.ts";
import { EnvelopeKeys } from "../../../../src/roles/trustee/plugins/envelope-keys.ts";
import { lockData, type Store } from "../../../../src/roles/trustee/store/index.ts";
import { idOf, scratchData } from "../scratch.ts";
import { ALLOW_ALL, cocoJsonStorage, cocoStorage, GRADED, MEASURED, openanolis, SECRETS, write } from "./old-world.ts";

const NOW = 1_800_000_000;
let dataDir: string;
let old: string;
let remove: () => void;

beforeEach(async () => {
  ({ dataDir, remove } = scratchData());
  old = join(dataDir, "..", "old");
  mkdirSync(old);
  await initTrustee({ dataDir, simulated: false });
});
afterEach(() => remove());

const withStore = <T>(work: (store: Store) => Promise<T>): Promise<T> => withData({ dataDir }, work);

async function imported(parts: Partial<OldTrustee>, { dryRun = false, replace = false } = {}): Promise<ImportReport> {
  const installation = readOldTrustee({ envelopeKeys: [], ...parts });
  return withStore((store) => importInstallation(store, installation, { dryRun, replace, now: NOW }));
}

/** Items as `outcome kind name`, with the error where there is one, sorted. */
const lines = (report: ImportReport): string[] =>
  report.items.map(({ outcome, kind, name, error }: Item) => [outcome, kind, name, error].filter(Boolean).join(" | ")).sort();

async function contents(): Promise<Record<string, unknown>> {
  return withStore(async (store) => {
    const resources: Record<string, string> = {};
    for (const { path } of await store.resources.list()) resources[path] = Buffer.from((await store.resources.get(path))!).toString();
    return {
      resources,
      resourcePolicy: await store.policies.get("", "resource", "default"),
      policies: (await store.policies.list("", "attestation")).map(({ id }) => id),
      references: Object.fromEntries([...(await store.references.all(""))].map(([name, { value }]) => [name, value])),
      administrators: (await store.rows("administrators")).size,
    };
  });
}

describe("an openanolis trustee as it is shipped", () => {
  const everything = [
    "left out | attestation policy | open | trustee.import-insecure",
    "left out | reference value | old",
    "left out | setting | attestation_service",
    "left out | setting | attestation_token.insecure_key | trustee.import-insecure",
    "left out | setting | attestation_token_broker.signer",
    "left out | setting | http_server.insecure_http",
    'left out | setting | plugins "tpm-pca"',
    "refused | reference value | broken | kbs.reference-invalid",
    "taken | attestation policy | default",
    "taken | reference value | min_svn",
    "taken | reference value | tdx.mr_td",
    "taken | resource policy | default",
    "taken | resource | default/key/one",
    "taken | resource | default/key/two",
    "taken | resource | team/token/a.b",
  ];

  test("is taken over, but for what would open this one to everybody (I26)", async () => {
    const { config, asConfig } = openanolis(old);
    const report = await imported({ configuration: config, asConfiguration: asConfig, root: old });
    const [administrator, ...rest] = [...lines(report)].sort(
      (a, b) => Number(b.includes("administrator")) - Number(a.includes("administrator")),
    );
    expect(administrator).toMatch(/^taken \| administrator \| imported-[0-9a-f]{8}$/);
    expect(rest.sort()).toEqual(everything);
    expect(await contents()).toEqual({
      resources: SECRETS,
      resourcePolicy: GRADED,
      policies: ["default"],
      references: { "tdx.mr_td": ["aa", "bb"], min_svn: 7 },
      administrators: 2,
    });
    const policy = await withStore((store) => store.policies.get("", "attestation", "default"));
    expect(policy).toBe(MEASURED);
    const [record] = await withStore((store) => store.decisions.list({ limit: 1 }));
    expect(record).toMatchObject({ kind: "admin", outcome: "allowed", subject: "cai trustee import" });
  });

  test("is looked at without a change by a dry run", async () => {
    const { config, asConfig } = openanolis(old);
    const before = await contents();
    const report = await imported({ configuration: config, asConfiguration: asConfig, root: old }, { dryRun: true });
    expect(report.count("taken")).toBe(8);
    expect(await contents()).toEqual(before);
    expect(await withStore((store) => store.decisions.list({ limit: 1 }))).toEqual([]);
  });

  test("can be imported again: what is there stays, and is replaced only where that is asked for", async () => {
    const { config, asConfig } = openanolis(old);
    const parts = { configuration: config, asConfiguration: asConfig, root: old };
    await imported(parts);
    const again = await imported(parts);
    expect([again.count("taken"), again.count("unchanged"), again.count("kept")]).toEqual([0, 8, 0]);
    write(old, {
      "opt/trustee/kbs/repository/default/key/one": "another secret",
      "opt/trustee/kbs/policy.rego": `# changed\n${GRADED}`,
      "opt/trustee/reference_values": JSON.stringify([{ version: "0.1.0", name: "min_svn", expiration: "2099-01-01T00:00:00Z", value: 8 }]),
    });
    const kept = await imported(parts);
    expect(lines(kept).filter((line) => line.startsWith("kept"))).toEqual([
      "kept | reference value | min_svn",
      "kept | resource policy | default",
      "kept | resource | default/key/one",
    ]);
    expect((await contents())["resources"]).toEqual(SECRETS);
    const replaced = await imported(parts, { replace: true });
    expect([replaced.count("taken"), replaced.count("kept")]).toEqual([3, 0]);
    expect((await contents())["references"]).toMatchObject({ min_svn: 8 });
  });

  test("may have its configuration in YAML or JSON, and its attestation service built in", async () => {
    write(old, {
      "etc/kbs.yaml": `
attestation_service:
  type: coco_as_builtin
  attestation_token_broker: { type: Ear, policy_dir: /policies }
  rvps_config: { type: BuiltIn, storage: { type: LocalFs, file_path: /values } }
admin: { insecure_api: true }
plugins: [{ name: resource, type: LocalFs, dir_path: /repository }, { name: sample }]
`,
      "policies/opa/default.rego": MEASURED,
      "repository/a/b/c": "one",
    });
    expect(lines(await imported({ configuration: join(old, "etc/kbs.yaml"), root: old }))).toEqual([
      "left out | setting | admin.insecure_api | trustee.import-insecure",
      'left out | setting | plugins "sample" | trustee.import-insecure',
      "left out | setting | rvps storage of type LocalFs",
      "taken | attestation policy | default",
      "taken | resource | a/b/c",
    ]);
    write(old, { "kbs.json": JSON.stringify({ admin: { authorization_mode: "InsecureAllowAll" }, verifier_config: { sample: {} } }) });
    expect(lines(await imported({ configuration: join(old, "kbs.json") }))).toEqual([
      "left out | setting | /verifier_config/sample | trustee.import-insecure",
      "left out | setting | admin.authorization_mode | trustee.import-insecure",
    ]);
  });
});

describe("a configuration", () => {
  test("that is none is refused, and its lines are never quoted", async () => {
    for (const [name, text] of [
      ["kbs.toml", 'password = "hunter2'],
      ["kbs.json", '{"password": "hunter2"'],
      ["kbs.yaml", "password: [hunter2"],
      ["bomb.yaml", "a: &a [x, x]\nb: [*a, *a]\n"],
      ["list.json", "[]"],
    ] as const) {
      write(old, { [name]: text });
      const error = await imported({ configuration: join(old, name) }).catch((thrown: unknown) => thrown);
      expect([name, (error as { id?: string }).id]).toEqual([name, "trustee.import-unreadable"]);
      expect(JSON.stringify(error)).not.toContain("hunter2");
    }
  });

  test("names nothing outside of the folder that stands for the old machine", async () => {
    write(join(dataDir, "..", "outside"), { "repository/a/b/c": "outside" });
    symlinkSync(join(dataDir, "..", "outside", "repository"), join(old, "linked"));
    for (const path of ["../outside/repository", "/../../outside/repository", "/linked"]) {
      write(old, { "kbs.json": JSON.stringify({ plugins: [{ name: "resource", type: "LocalFs", dir_path: path }] }) });
      const report = await imported({ configuration: join(old, "kbs.json"), root: old });
      expect([path, report.count("taken")]).toEqual([path, 0]);
    }
    write(old, { "kbs.json": JSON.stringify({ admin: { auth_public_key: "../../outside/repository/a/b/c" } }) });
    expect(lines(await imported({ configuration: join(old, "kbs.json"), root: old }))).toEqual([
      "refused | setting | admin.auth_public_key | trustee.import-unreadable",
    ]);
  });
});

describe("secrets", () => {
  test("come from regular files of the right depth, name and size only", async () => {
    const tree = join(old, "tree");
    write(tree, {
      "a/b/good": "x",
      "a/top": "x",
      "a/b/deep/er": "x",
      "a/b/.hidden": "x",
      "a/b/sp ace": "x",
      "a/b..c/d": "x",
      "a/b/huge": "",
    });
    truncateSync(join(tree, "a/b/huge"), 3 * 1024 * 1024);
    writeFileSync(join(old, "shadow"), "secret of somebody else");
    symlinkSync(join(old, "shadow"), join(tree, "a/b/link"));
    symlinkSync(join(old), join(tree, "linked-repository"));
    Bun.spawnSync(["mkfifo", join(tree, "a/b/pipe")]);
    linkSync(join(tree, "a/b/good"), join(tree, "a/b/twin"));
    expect(lines(await imported({ resources: tree }))).toEqual([
      "refused | resource | a/b..c/d | kbs.path-invalid",
      "refused | resource | a/b/.hidden | kbs.path-invalid",
      "refused | resource | a/b/deep | trustee.import-unreadable",
      "refused | resource | a/b/huge | trustee.import-unreadable",
      "refused | resource | a/b/link | trustee.import-unreadable",
      "refused | resource | a/b/pipe | trustee.import-unreadable",
      "refused | resource | a/b/sp ace | kbs.path-invalid",
      "refused | resource | a/top | kbs.path-invalid",
      "refused | resource | linked-repository | kbs.path-invalid",
      "taken | resource | a/b/good",
      "taken | resource | a/b/twin",
    ]);
    expect((await contents())["resources"]).toEqual({ "a/b/good": "x", "a/b/twin": "x" });
  });

  test("are taken by the thousand, and listed by the hundred", async () => {
    write(join(old, "many"), Object.fromEntries(Array.from({ length: 700 }, (_, i) => [`a/b/s${i}`, `secret ${i}`])));
    const report = await imported({ resources: join(old, "many") });
    expect([report.count("taken"), report.items.length]).toEqual([700, 200]);
    expect(report.text()).toContain("and 500 more");
    const resources = (await contents())["resources"] as Record<string, string>;
    expect([Object.keys(resources).length, resources["a/b/s699"]]).toEqual([700, "secret 699"]);
  });

  test("that are envelopes are taken as they are, and open with the private keys that come with them", async () => {
    const keys = [generateKeyPairSync("rsa", { modulusLength: 3072 }), generateKeyPairSync("rsa", { modulusLength: 2048 })];
    const [managed, own] = keys.map(({ privateKey }) => privateKey.export({ format: "pem", type: "pkcs8" }) as string);
    write(old, {
      "keys/mkey-1700000000123456789.pem": managed!,
      "keys/notes.txt": "x",
      "own.pem": own!,
      "broken/x.pem": "-----BEGIN PRIVATE KEY-----",
      ...Object.fromEntries(keys.map(({ publicKey }, i) => [`repository/a/b/envelope${i}`, envelope(publicKey, `plain ${i}`)])),
      "kbs.json": JSON.stringify({
        plugins: [{ name: "resource", type: "EncryptedLocalFs", dir_path: "/repository", key_dir: "/keys", private_key_path: "/own.pem" }],
      }),
    });
    const report = await imported({ configuration: join(old, "kbs.json"), root: old });
    expect([report.count("taken", "envelope key"), report.count("taken", "resource"), report.count("refused")]).toEqual([2, 2, 0]);
    await withStore(async (store) => {
      const opener = new EnvelopeKeys(store);
      for (const i of [0, 1]) {
        const content = await store.resources.get(`a/b/envelope${i}`);
        expect(Buffer.from(await opener.open(content!)).toString()).toBe(`plain ${i}`);
      }
    });
    expect((await imported({ configuration: join(old, "kbs.json"), root: old })).count("unchanged")).toBe(4);
    expect(lines(await imported({ envelopeKeys: [join(old, "broken")] }))).toEqual([
      `refused | envelope key | ${join(old, "broken/x.pem")} | trustee.import-unreadable`,
    ]);
  });

  test("in another service or database are left out, and said where they are", async () => {
    for (const type of ["Aliyun", "Vault", "EncryptedDb", "ExternalKms"]) {
      write(old, { "kbs.json": JSON.stringify({ plugins: [{ name: "resource", type }] }) });
      expect(lines(await imported({ configuration: join(old, "kbs.json") }))).toEqual([
        `left out | setting | plugins "resource" of type ${type}`,
      ]);
    }
  });
});

describe("a storage of the Confidential Containers family", () => {
  test("is read from its files, with slashes in the names written out", async () => {
    cocoStorage(join(old, "storage"));
    expect(lines(await imported({ storage: join(old, "storage") }))).toEqual([
      "refused | resource | ../../etc | kbs.path-invalid",
      "taken | attestation policy | default",
      "taken | reference value | mr_td",
      "taken | resource policy | default",
      "taken | resource | default/key/one",
      "taken | resource | team/token/a.b",
    ]);
    expect(await contents()).toMatchObject({ resourcePolicy: GRADED, references: { mr_td: ["aa"] } });
  });

  test("is read from its JSON files", async () => {
    cocoJsonStorage(join(old, "storage"));
    const configuration = { storage_backend: { storage_type: "LocalJson", backends: { local_json: { file_dir_path: "storage" } } } };
    write(old, { "kbs.json": JSON.stringify({ ...configuration, plugins: [{ name: "resource", storage_backend_type: "KvStorage" }] }) });
    expect(lines(await imported({ configuration: join(old, "kbs.json") }))).toEqual([
      "refused | resource | default/key/bad | trustee.import-unreadable",
      "taken | reference value | mr_td",
      "taken | resource policy | default",
      "taken | resource | default/key/one",
    ]);
  });
});

describe("administrators of the Confidential Containers family", () => {
  const provider = (members: Record<string, string>) => ({ authentication: { bearer_jwt: { identity_providers: [members] } } });
  const roles = (...acls: [string, string][]) => ({
    authorization: { regex_acl: { acls: acls.map(([role, allowed_endpoints]) => ({ role, allowed_endpoints })) } },
  });
  const configured = async (admin: Record<string, unknown>, options = {}) => {
    write(old, { "kbs.json": JSON.stringify({ admin }) });
    return imported({ configuration: join(old, "kbs.json"), root: old }, options);
  };
  const publicKey = generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey.export({ format: "pem", type: "spki" }) as string;

  test("are taken with their roles, whose expressions have to match whole paths", async () => {
    write(old, { "etc/admin.pub": publicKey });
    const admin = {
      ...provider({ issuer: "cai", audience: "kbs", public_key_uri: "/etc/admin.pub" }),
      ...roles(["admin", "^/kbs/v0/.+$"], ["keys", "^/kbs/v0/resource/team/.+$"]),
    };
    const report = await configured(admin);
    expect([report.count("taken", "role"), report.count("taken", "administrator"), report.count("refused")]).toEqual([1, 1, 0]);
    await withStore(async (store) => {
      expect(JSON.parse((await store.rows("roles")).get("keys")!)).toEqual({ rights: "all", endpoints: ["^/kbs/v0/resource/team/.+$"] });
      const rows = [...(await store.rows("administrators"))].filter(([name]) => name.startsWith("imported-"));
      expect(JSON.parse(rows[0]![1])).toMatchObject({
        kind: "identity-provider",
        issuer: "cai",
        audience: "kbs",
        roles: ["admin", "keys"],
      });
    });
    expect((await configured(admin)).count("unchanged")).toBe(2);
  });

  test("are not taken where they would get more than they had, or have nothing", async () => {
    const uri = provider({ jwk_set_uri: "https://idp.example/realms/x" });
    expect(lines(await configured({ ...uri, ...roles(["admin", "^/kbs/v0/resource/a/.+$"]) }))).toEqual([
      expect.stringMatching(/^left out \| administrator \| imported-/),
      "left out | role | admin | trustee.import-insecure",
    ]);
    expect(lines(await configured({ ...uri, ...roles(["a b", ".*"], ["bad", "("]) }))).toEqual([
      expect.stringMatching(/^left out \| administrator \| imported-/),
      "refused | role | a b | trustee.import-unreadable",
      "refused | role | bad | trustee.import-unreadable",
    ]);
    const plain = provider({ jwk_set_uri: "http://idp.example/keys" });
    const refused = expect.stringMatching(/^refused \| administrator \| imported-[0-9a-f]{8} \| trustee.import-unreadable$/);
    expect(lines(await configured({ ...plain, ...roles(["keys", "^/x$"]) }))).toEqual([refused, "taken | role | keys"]);
    for (const uri of ["https://idp.example/key.pem", "file:///etc/missing.pub"]) {
      expect(lines(await configured({ ...provider({ public_key_uri: uri }), ...roles(["keys", "^/x$"]) }))).toEqual([
        refused,
        "unchanged | role | keys",
      ]);
    }
  });
});

describe("policies", () => {
  test("that let everybody in, or machines that failed, are left out (I26)", async () => {
    const notSample = `package policy
import rego.v1
default allow := false
allow if { not input.submods.cpu0["ear.veraison.annotated-evidence"].sample }
`;
    const onlyWhere = (condition: string) => `package policy\nimport rego.v1\ndefault allow := false\nallow if ${condition}\n`;
    const evasive = [
      "count(data.query) == 0",
      "count(data.query) > 0",
      "time.now_ns() > 1000",
      'input.submods.cpu0["ear.veraison.annotated-evidence"].sgx',
      'input.submods.cpu0["ear.status"] != "contraindicated"',
      'data["resource-path"][0] == "default"',
    ].map(onlyWhere);
    for (const text of [
      ALLOW_ALL,
      notSample,
      ...evasive,
      'package policy\ndefault allow = true\nallow = false { input["never"] == 1 }\n',
    ]) {
      write(old, { "policy.rego": text });
      expect(lines(await imported({ resourcePolicy: join(old, "policy.rego") }))).toEqual([
        `left out | resource policy | default | trustee.import-insecure`,
      ]);
    }
    write(old, { "policies/open.rego": "package policy\nexecutables := 3\n" });
    expect(lines(await imported({ attestationPolicies: join(old, "policies") }))).toEqual([
      "left out | attestation policy | open | trustee.import-insecure",
    ]);
  });

  test("that are none, or whose names cannot be ids, are refused", async () => {
    write(old, { "policies/bad.rego": "package policy\nallow {", "policies/sp ace.rego": MEASURED, "policies/notes.txt": "x" });
    symlinkSync("/etc/passwd", join(old, "policies", "link.rego"));
    expect(lines(await imported({ attestationPolicies: join(old, "policies") }))).toEqual([
      "refused | attestation policy | bad | policy.parse-error",
      "refused | attestation policy | link | trustee.import-unreadable",
      "refused | attestation policy | sp ace | kbs.policy-id-invalid",
    ]);
  });
});

test("reference values may be the answer of rvps/query", async () => {
  write(old, { "values.json": JSON.stringify({ "tdx.mr_td": ["aa"], min_svn: 3, gone: null }) });
  expect(lines(await imported({ referenceValues: join(old, "values.json") }))).toEqual([
    "refused | reference value | gone | kbs.reference-invalid",
    "taken | reference value | min_svn",
    "taken | reference value | tdx.mr_td",
  ]);
  write(old, { "values.json": "7" });
  expect(lines(await imported({ referenceValues: join(old, "values.json") }))).toEqual([
    `refused | reference value | ${join(old, "values.json")} | trustee.import-unreadable`,
  ]);
});

test("an administrator's key is a public Ed25519 key: no private one, and no other kind", async () => {
  const { privateKey } = generateKeyPairSync("ed25519");
  const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).publicKey;
  write(old, {
    "private.pem": privateKey.export({ format: "pem", type: "pkcs8" }) as string,
    "rsa.pem": rsa.export({ format: "pem", type: "spki" }) as string,
  });
  for (const name of ["private.pem", "rsa.pem"]) {
    expect((await imported({ adminPublicKey: join(old, name) })).items[0]).toMatchObject({
      outcome: "refused",
      error: "trustee.import-unreadable",
    });
  }
});

test("nothing is imported into a trustee that runs, or that is not there", async () => {
  const lock = lockData(dataDir);
  expect(await idOf(() => imported({}))).toBe("trustee.data-in-use");
  lock.release();
  expect(await idOf(() => withData({ dataDir: join(old, "nowhere") }, async () => {}))).toBe("store.missing");
});

/** An envelope as the client of the old trustee makes it (trustee.md §3.3). */
function envelope(publicKey: Parameters<typeof publicEncrypt>[0] & object, text: string): string {
  const [key, iv] = [randomBytes(32), randomBytes(12)];
  const cipher = createCipheriv("aes-256-gcm", key, iv);
  const ciphertext = Buffer.concat([cipher.update(text), cipher.final()]);
  const wrapped = publicEncrypt({ key: publicKey as never, oaepHash: "sha256", padding: constants.RSA_PKCS1_OAEP_PADDING }, key);
  const members = { enc_key: wrapped, iv, ciphertext, tag: cipher.getAuthTag() };
  return JSON.stringify({
    alg: "RSA-OAEP-256",
    ...Object.fromEntries(Object.entries(members).map(([name, bytes]) => [name, bytes.toString("base64")])),
  });
}
