import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cai, caiError, caiJson, removeScratch, stopAll } from "./cai.ts";
import { startWorld, type World } from "./world.ts";

let world: World;
let evidence: string;
beforeAll(async () => {
  world = await startWorld();
  evidence = join(world.folder, "evidence.json");
  const made = await cai(["agent", "evidence", "--report-data", "5a".repeat(32), "--simulated-tdx", world.machine]);
  writeFileSync(evidence, made.stdout);
}, 60_000);
afterAll(async () => {
  await stopAll();
  removeScratch(world.folder);
});

const file = (name: string) => join(world.folder, name);
const sim = (name: string) => join(world.folder, "sim", name);
const as = (key: string) => ["--trustee", world.url, "--admin-key", key];
const table = async (args: string[]) => (await cai([...args, ...world.admin])).stdout;

describe("realms on the command line", () => {
  test("release nothing when they are new, then what their own policies say", async () => {
    const uri = "kbs:///team-a/key/one";
    await caiJson(["resource", "set", uri, "--random", "32", ...world.admin]);
    await caiJson(["agent", "resource", "get", uri, ...world.agent]);
    const added = await caiJson(["trustee", "realm", "add", "team-a", "--description", "Team A", ...world.admin]);
    expect(added).toEqual({ realm: "team-a", created: true, resources: 1 });
    const denied = await caiError(["agent", "resource", "get", uri, ...world.agent]);
    expect([denied.status, denied.id]).toEqual([3, "agent.resource-denied"]);
    await caiJson(["policy", "set", "resource", "--template", "affirming-simulated", "--realm", "team-a", ...world.admin]);
    expect((await caiError(["agent", "resource", "get", uri, ...world.agent])).id).toBe("agent.resource-denied");
    await caiJson(["reference", "set", "--file", sim("reference.json"), "--realm", "team-a", ...world.admin]);
    await caiJson(["agent", "resource", "get", uri, ...world.agent]);
    expect(await table(["trustee", "realm", "ls"])).toMatch(/^REALM +SECRETS .*\n\(root\) +\d.*\nteam-a +1 +Team A\n$/);
    expect(await table(["resource", "ls", "--realm", "team-a"])).toBe(
      "ADDRESS                SIZE  REALM\nkbs:///team-a/key/one  32 B  team-a\n",
    );
    expect((await caiError(["trustee", "realm", "rm", "team-a", ...world.admin])).id).toBe("kbs.realm-not-empty");
    expect((await caiError(["policy", "get", "resource", "--realm", "team-z", ...world.admin])).id).toBe("kbs.realm-missing");
  });

  test("are administered by roles of their own, who need not name them", async () => {
    await caiJson(["trustee", "role", "add", "a-admin", "--all", "--realm", "team-a", ...world.admin]);
    await caiJson(["trustee", "admin", "add", "alice", "--new-key", file("alice.key"), "--role", "a-admin", ...world.admin]);
    expect(statSync(file("alice.key")).mode & 0o777).toBe(0o600);
    const alice = as(file("alice.key"));
    expect((await caiJson(["resource", "ls", ...alice]))["resources"]).toEqual(["kbs:///team-a/key/one"]);
    await caiJson(["reference", "set", "mine", "aa", ...alice]);
    await caiJson(["reference", "rm", "mine", ...alice]);
    for (const args of [
      ["resource", "rm", "kbs:///default/key/one"],
      ["policy", "set", "resource", "--template", "deny-all", "--realm", "team-b"],
      ["trustee", "realm", "ls"],
      ["trustee", "admin", "add", "mallory", "--new-key", file("mallory.key")],
      ["collateral", "ls"],
    ]) {
      const { status, id } = await caiError([...args, ...alice]);
      expect([args.join(" "), status, id]).toEqual([args.join(" "), 3, "admin.forbidden"]);
    }
    expect(await table(["trustee", "role", "ls"])).toMatch(/\na-admin +team-a +all +any\n/);
    expect(await table(["trustee", "admin", "ls"])).toMatch(/\nalice +key +a-admin +spki:sha256:[\w-]{43}\n/);
    expect((await caiError(["trustee", "role", "rm", "a-admin", ...world.admin])).id).toBe("admin.role-in-use");
    expect((await caiError(["trustee", "admin", "rm", "admin", ...world.admin])).id).toBe("admin.last-administrator");
    await caiJson(["trustee", "admin", "rm", "alice", ...world.admin]);
    expect((await caiError(["resource", "ls", ...alice])).id).toBe("admin.unauthenticated");
    await caiJson(["trustee", "role", "rm", "a-admin", ...world.admin]);
  });

  test("say what is missing or too much on the command line", async () => {
    for (const args of [
      ["trustee", "role", "add", "x"],
      ["trustee", "role", "add", "x", "--all", "--right", "resource.read"],
      ["trustee", "admin", "add", "x"],
      ["trustee", "admin", "add", "x", "--new-key", "a", "--public-key", "b"],
      ["trustee", "admin", "add", "x", "--jwk-set-uri", "https://x"],
      ["policy", "set", "resource", "--template", "deny-all", "--id", "x"],
    ])
      expect((await caiError([...args, ...world.admin])).id).toBe("cli.usage");
    const again = await caiError(["trustee", "admin", "add", "x", "--new-key", file("alice.key"), ...world.admin]);
    expect(again.id).toBe("cli.output-failed");
  });
});

test("a deny row refuses the machine at its next attempt, and lets it in again when it is gone", async () => {
  const uri = "kbs:///default/key/denied";
  await caiJson(["resource", "set", uri, "--random", "16", ...world.admin]);
  const get = ["agent", "resource", "get", uri, ...world.agent];
  const learnt = await caiJson(["reference", "learn", evidence, ...learnFlags()]);
  const { ppid } = learnt["machine"] as { ppid: string };
  await caiJson(["trustee", "deny", "add", "ppid", ppid, "--reason", "incident 12", ...world.admin]);
  const { status, id, error } = await caiError(get);
  expect([status, id]).toEqual([3, "agent.resource-denied"]);
  const told = JSON.stringify(error);
  expect([told.includes("policy.platform-denied"), told.includes("incident"), told.includes(ppid)]).toEqual([true, false, false]);
  expect(await table(["trustee", "deny", "ls"])).toMatch(new RegExp(`^KIND .*\\nppid +${ppid} +\\S+Z +incident 12\\n$`));
  await caiJson(["trustee", "deny", "rm", "ppid", ppid, ...world.admin]);
  await caiJson(get);
  expect((await caiError(["trustee", "deny", "rm", "ppid", ppid, ...world.admin])).id).toBe("kbs.denial-missing");
});

function learnFlags(): string[] {
  return ["--collateral", sim("collateral.json"), "--trust-anchor", sim("anchor.pem"), "--allow-simulated"];
}

describe("reference values on the command line", () => {
  test("are learnt from verified evidence, with the level that they reach and what they leave open", async () => {
    const { stdout } = await cai(["reference", "learn", evidence, ...learnFlags()]);
    for (const text of ["tdx.mr_td", "tdx.rtmr_2", "Not measured by them", "Root file system", "assurance:   L1", "SIMULATED"])
      expect(stdout).toContain(text);
    const learnt = await caiJson(["reference", "learn", evidence, ...learnFlags()]);
    const values = Object.fromEntries((learnt["references"] as { name: string; value: unknown }[]).map(({ name, value }) => [name, value]));
    const known = JSON.parse(readFileSync(sim("reference.json"), "utf8")) as Record<string, unknown>;
    for (const [name, value] of Object.entries(values)) expect([name, value]).toEqual([name, known[name]]);
    expect(Object.keys(values)).toEqual(["tdx.mr_td", "tdx.rtmr_0", "tdx.rtmr_1", "tdx.rtmr_2"]);
    expect(learnt).toMatchObject({ level: "L1", simulated: true, written: false });
  });

  test("are set by what was learnt, in the form that it is printed in", async () => {
    await caiJson(["trustee", "realm", "add", "learnt", ...world.admin]);
    await caiJson(["reference", "learn", evidence, ...learnFlags(), "--set", "--realm", "learnt", ...world.admin]);
    const listed = (await caiJson(["reference", "ls", "--realm", "learnt", ...world.admin]))["references"] as { name: string }[];
    expect(listed.map(({ name }) => name)).toEqual(["tdx.mr_td", "tdx.rtmr_0", "tdx.rtmr_1", "tdx.rtmr_2"]);
    const printed = file("learnt.json");
    writeFileSync(printed, JSON.stringify(await caiJson(["reference", "learn", evidence, ...learnFlags()])));
    await caiJson(["reference", "set", "--file", printed, "--realm", "learnt", ...world.admin]);
  });

  test("are not learnt from evidence that is not accepted, or that runs with debug", async () => {
    const refused = await caiError([
      "reference",
      "learn",
      evidence,
      "--collateral",
      sim("collateral.json"),
      "--trust-anchor",
      sim("anchor.pem"),
    ]);
    expect([refused.status, refused.id]).toEqual([3, "policy.simulated"]);
    await caiJson(["sim", "tdx", "init", "--out", file("debug"), "--debug"]);
    const quote = await cai([
      "agent",
      "evidence",
      "--report-data",
      "5a".repeat(32),
      "--simulated-tdx",
      join(file("debug"), "machine.json"),
    ]);
    writeFileSync(file("debug.json"), quote.stdout);
    const flags = [
      "--collateral",
      join(file("debug"), "collateral.json"),
      "--trust-anchor",
      join(file("debug"), "anchor.pem"),
      "--allow-simulated",
    ];
    expect((await caiError(["reference", "learn", file("debug.json"), ...flags])).id).toBe("policy.debug");
    expect((await caiError(["reference", "learn", evidence, ...learnFlags(), "--set"])).id).toBe("cli.usage");
    expect((await caiError(["reference", "learn", evidence, ...learnFlags(), "--set", "--add", ...world.admin])).id).toBe("cli.usage");
  });

  test("are listed with their uses, and a warning names those that no policy ever asked for", async () => {
    await caiJson(["reference", "set", "tdx.mrtd", "aa", "--expires", "2040-01-01", ...world.admin]);
    await caiJson(["agent", "token", ...world.agent]);
    const { stdout, stderr } = await cai(["reference", "ls", ...world.admin]);
    expect(stdout).toMatch(/^NAME +VALUE +ENDS +USES +LAST USED\n/);
    expect(stdout).toMatch(/\ntdx\.mr_td +[0-9a-f]+… +\S+Z +[1-9]\d* +\S+Z\n/);
    expect(stdout).toMatch(/\ntdx\.mrtd +aa +2040-01-01T00:00:00Z +never\n/);
    expect(stderr).toContain("no policy ever asked for");
    expect(stderr).toContain("tdx.mrtd");
    await caiJson(["reference", "set", "tdx.mrtd", "bb", "--add", ...world.admin]);
    const listed = (await caiJson(["reference", "ls", ...world.admin]))["references"] as {
      name: string;
      value: unknown;
      expiration: string;
    }[];
    expect(listed.find(({ name }) => name === "tdx.mrtd")).toMatchObject({ value: ["aa", "bb"], expiration: "2040-01-01T00:00:00Z" });
    const past = await caiError(["reference", "set", "tdx.mrtd", "aa", "--expires", "2020-01-01", ...world.admin]);
    expect(past.id).toBe("kbs.reference-invalid");
  });
});

test("policies have ids, and only those that decide stay for ever", async () => {
  await caiJson(["policy", "set", "attestation", "--template", "attestation", "--id", "strict", ...world.admin]);
  expect(await table(["policy", "ls"])).toMatch(/\nattestation policy strict +template attestation +sha384/);
  expect(String((await caiJson(["policy", "get", "attestation", "--id", "strict", ...world.admin]))["policy"])).toContain("package policy");
  await caiJson(["policy", "rm", "strict", ...world.admin]);
  expect((await caiError(["policy", "rm", "strict", ...world.admin])).id).toBe("kbs.policy-missing");
  expect((await caiError(["policy", "rm", "default", ...world.admin])).id).toBe("kbs.policy-protected");
});
