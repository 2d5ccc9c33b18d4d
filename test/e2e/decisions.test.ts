import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { cai, caiError, caiJson, removeScratch, stopAll } from "./cai.ts";
import { startWorld, type World } from "./world.ts";

const URI = "kbs:///default/model/decided";
let world: World;
let other: readonly string[];

beforeAll(async () => {
  world = await startWorld();
  await caiJson(["resource", "set", URI, "--random", "32", ...world.admin]);
  const out = join(world.folder, "other");
  const { machine } = await caiJson(["sim", "tdx", "init", "--out", out, "--like", world.machine, "--software", "patched kernel"]);
  other = ["--trustee", world.url, "--trustee-pin", world.pin, "--simulated-tdx", String(machine)];
}, 60_000);
afterAll(async () => {
  await stopAll();
  removeScratch(world.folder);
});

/** Has the patched machine ask for the secret. @returns what its terminal shows, and the decision that it was told */
async function refused(): Promise<{ shown: string; decision: string }> {
  const { status, stderr } = await cai(["agent", "resource", "get", URI, ...other]);
  expect(status).toBe(3);
  const [, decision = ""] = /decision ([a-z2-7]{16})/.exec(stderr) ?? [];
  return { shown: stderr.slice(stderr.indexOf("cai: ")), decision };
}

/** The measurement that a machine has and the trustee does not know. */
async function measured(machine: readonly string[]): Promise<string> {
  const { claims } = (await caiJson(["agent", "token", ...machine])) as {
    claims: { submods: { cpu0: { "ear.veraison.annotated-evidence": { tdx: { quote: { body: { mr_td: string } } } } } } };
  };
  return claims.submods.cpu0["ear.veraison.annotated-evidence"].tdx.quote.body.mr_td;
}

describe("a denied release", () => {
  test("shows in the machine's terminal an id, a decision and the way to who may know more, and nothing else (I27)", async () => {
    const { shown, decision } = await refused();
    expect(shown).toBe(
      [
        `cai: agent.resource-denied: the trustee does not release ${URI} to this machine: Access denied by policy, kbs.policy-denied, decision ${decision}`,
        "  got:      kbs.policy-denied",
        `  hint:     ask the trustee's administrator: cai policy explain ${decision}`,
        "",
      ].join("\n"),
    );
  });

  test("explains itself to the administrator: the statements that failed, their values, and what would mend it", async () => {
    const { decision } = await refused();
    const { status, stdout } = await cai(["policy", "explain", decision, ...world.admin]);
    expect(status).toBe(0);
    expect(stdout).toContain(`${decision}: release of default/model/decided: denied`);
    expect(stdout).toContain('cpu["ear.status"] == "affirming"');
    expect(stdout).toContain('cpu["ear.status"] is "warning"');
    expect(stdout).toContain("claims[name] in allowed(platform, name)");
    expect(stdout).toContain("L0: genuine, current hardware");
    const value = await measured(other);
    const { references } = (await caiJson(["reference", "ls", ...world.admin])) as { references: { name: string; value: string[] }[] };
    const known = references.find(({ name }) => name === "tdx.mr_td")!.value;
    expect(stdout).toContain(`cai reference set tdx.mr_td ${[...known, value].join(",")}`);
  });

  test("is explained by its number too, and as one document", async () => {
    const { decision: id } = await refused();
    const { decision } = (await caiJson(["decisions", "show", id, ...world.admin])) as { decision: { number: number } };
    const report = (await caiJson(["policy", "explain", String(decision.number), ...world.admin])) as {
      decision: { id: string };
      attestation: { detail: { submods: { cpu0: { status: string } } } };
      mends: { command?: string }[];
    };
    expect(report.decision.id).toBe(id);
    expect(report.attestation.detail.submods.cpu0.status).toBe("warning");
    expect(report.mends[0]?.command).toStartWith("cai reference set tdx.mr_td ");
  });

  test("is mended by doing what the explanation says, as often as it says something, also where the policy denied everything", async () => {
    await caiJson(["policy", "set", "resource", "--template", "deny-all", ...world.admin]);
    for (let round = 0; round < 7; round++) {
      const { status, stderr } = await cai(["agent", "resource", "get", URI, ...other]);
      if (status === 0) break;
      const [, id = ""] = /decision ([a-z2-7]{16})/.exec(stderr) ?? [];
      const { mends } = (await caiJson(["policy", "explain", id, ...world.admin])) as { mends: { command?: string }[] };
      const commands = mends.flatMap(({ command }) => (command === undefined ? [] : [command]));
      expect(commands.length).toBeGreaterThan(0);
      for (const command of commands) expect((await cai([...command.split(" ").slice(1), ...world.admin])).status).toBe(0);
    }
    expect((await cai(["agent", "resource", "get", URI, ...other])).status).toBe(0);
  }, 60_000);
});

describe("the decisions of a trustee", () => {
  test("are listed for people and for programs", async () => {
    await cai(["agent", "resource", "get", URI, ...world.agent]);
    const { stdout } = await cai(["decisions", "ls", ...world.admin]);
    const [heading, first] = stdout.split("\n");
    expect(heading).toMatch(/^NUMBER +TIME +KIND +OUTCOME +LEVEL +SUBJECT +ERROR +CLIENT +ID$/);
    expect(first).toMatch(/^\d+ +\S+Z +release +allowed +L1 +default\/model\/decided +- +127\.0\.0\.1 +[a-z2-7]{16}$/);
    const list = await caiJson(["decisions", "ls", "--kind", "admin", "--limit", "1", ...world.admin]);
    expect(list["decisions"]).toEqual([expect.objectContaining({ kind: "admin", outcome: "allowed" })]);
    expect(list["next"]).toBeNumber();
    expect(await caiJson(["decisions", "ls", "--until", "2001-01-01", ...world.admin])).toEqual({ decisions: [], next: null });
  });

  test("are shown whole", async () => {
    await cai(["agent", "token", ...world.agent]);
    const [{ number }] = (await caiJson(["decisions", "ls", "--kind", "attest", "--limit", "1", ...world.admin]))["decisions"] as [
      { number: number },
    ];
    const { stdout } = await cai(["decisions", "show", String(number), ...world.admin]);
    for (const part of [
      "Grades",
      "Policies",
      "Collateral",
      "Claims that the policies read",
      "Reference values that were asked for",
      "level",
    ]) {
      expect(stdout).toContain(part);
    }
    expect(stdout).toContain("✓ data.policy.executables is 3");
  });

  test("that are not there, and words that name none, are told apart", async () => {
    expect(await caiError(["decisions", "show", "999999", ...world.admin])).toMatchObject({ status: 1, id: "kbs.decision-missing" });
    expect(await caiError(["decisions", "show", "the last one", ...world.admin])).toMatchObject({ status: 2, id: "cli.usage" });
    expect(await caiError(["policy", "explain", "41"])).toMatchObject({ status: 2, id: "cli.usage" });
    expect(await caiError(["decisions", "ls", "--since", "2026-01-02", "--until", "2026-01-01", ...world.admin])).toMatchObject({
      status: 2,
      id: "cli.usage",
    });
    expect(await caiError(["decisions", "ls", "--since", "yesterday", ...world.admin])).toMatchObject({
      status: 2,
      id: "cli.setting-invalid",
    });
  });

  test("are not for others than administrators", async () => {
    const { admin_key } = await caiJson(["trustee", "init", "--simulated", "--data", join(world.folder, "stranger")]);
    const stranger = ["--trustee", world.url, "--admin-key", String(admin_key)];
    expect((await caiError(["decisions", "ls", ...stranger])).id).toBe("admin.unauthenticated");
  });
});

describe("refused evidence", () => {
  test("is explained with what the check expected and got", async () => {
    const out = join(world.folder, "foreign");
    const { machine } = await caiJson(["sim", "tdx", "init", "--out", out]);
    const foreign = ["--trustee", world.url, "--trustee-pin", world.pin, "--simulated-tdx", String(machine)];
    const { stderr } = await cai(["agent", "token", ...foreign]);
    const [, decision = ""] = /cai policy explain ([a-z2-7]{16})\n/.exec(stderr) ?? [];
    const { stdout } = await cai(["policy", "explain", decision, ...world.admin]);
    expect(stdout).toContain("attestation of a tdx machine: denied");
    expect(stdout).toMatch(/expected +a trust anchor/);
    expect(stdout).toContain("name its trust anchor");
  });
});
