import { afterAll, afterEach, describe, expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { openanolis } from "../roles/trustee/import/old-world.ts";
import { cai, removeScratch, scratch } from "./cai.ts";
import { commandsIn, freePort, mistakesOf, Pasted } from "./pasted.ts";

const folder = scratch();
const port = await freePort();
const documents = new Map<string, Pasted>();

/** A document, whose lines are run in a folder of its own. */
function document(name: string): Pasted {
  const home = join(folder, name);
  mkdirSync(home, { recursive: true });
  const made = documents.get(name) ?? new Pasted(join("docs", name), home, port);
  documents.set(name, made);
  return made;
}

afterEach(async () => {
  for (const each of documents.values()) for (const status of await each.end()) expect(status).toBe(0);
});
afterAll(() => removeScratch(folder));

const pages = readdirSync("docs").filter((name) => name.endsWith(".md") && name !== "errors.md");

describe.each(pages)("docs/%s", (name) => {
  test("names no command that does not exist, and no flag that its command does not have", () => {
    expect(commandsIn(readFileSync(join("docs", name), "utf8")).flatMap(mistakesOf)).toEqual([]);
  }, 60_000);

  test("links to nothing that is not there", () => {
    for (const [, target] of readFileSync(join("docs", name), "utf8").matchAll(/\]\(([^)#]+)(?:#[^)]*)?\)/g)) {
      expect([
        target,
        readdirSync(join("docs", target!, ".."), { withFileTypes: true }).some((entry) => target!.endsWith(entry.name)),
      ]).toEqual([target, true]);
    }
  });
});

test("a first trustee takes the five commands that the page says", async () => {
  const page = document("trustee.md");
  await page.runUntil("first-trustee", "ready at", { CAI_LISTEN: `127.0.0.1:${port}` });
  expect(await page.run("first-administrator")).toMatchObject({ status: 0, output: expect.stringContaining("default/key/first") });
}, 60_000);

test("moving from an openanolis trustee takes the commands that the page says", async () => {
  const page = document("moving-from-openanolis.md");
  openanolis(join(folder, "moving-from-openanolis.md", "old"), { broken: false });
  const { status, output } = await page.run("move");
  expect([status, output]).toEqual([0, expect.stringContaining("trustee.import-insecure")]);
  expect(output).toContain("taken (8)");
  expect(output).toContain("the old one was reached as: cai trustee serve --listen 0.0.0.0:8080");
}, 60_000);

describe("the files beside the pages", () => {
  interface Service {
    readonly command?: readonly string[];
    readonly secrets?: readonly string[];
    readonly volumes?: readonly string[];
    readonly depends_on?: readonly string[] | Record<string, unknown>;
  }
  const compose = parse(readFileSync("docs/examples/compose.yaml", "utf8"), { merge: true }) as {
    readonly services: Record<string, Service>;
    readonly secrets: Record<string, { readonly file: string }>;
  };

  test("the compose file starts commands that there are, three times the same one, with secrets that it names", () => {
    const services = Object.entries(compose.services);
    const commands = services.flatMap(([, { command }]) => (command?.[0] === "cai" ? command.join(" ") : []));
    expect(commands.length).toBe(4);
    expect(commands.flatMap(mistakesOf)).toEqual([]);
    expect(new Set(commands.slice(1)).size).toBe(1);
    for (const [name, { secrets = [], depends_on: before = [] }] of services) {
      for (const secret of secrets) expect([name, secret, secret in compose.secrets]).toEqual([name, secret, true]);
      const names = Array.isArray(before) ? before : Object.keys(before);
      for (const other of names) expect([name, other, other in compose.services]).toEqual([name, other, true]);
    }
    const balanced = [...readFileSync("docs/examples/nginx.conf", "utf8").matchAll(/server (trustee-\d):8443/g)].map(([, name]) => name);
    expect(balanced).toEqual(services.map(([name]) => name).filter((name) => name.startsWith("trustee-")));
  }, 60_000);

  test("its secrets are made by the lines that the page says, and its settings are settings of a trustee", async () => {
    const page = document("replicas.md");
    expect(await page.run("replicas")).toMatchObject({ status: 0 });
    const home = join(folder, "replicas.md");
    for (const { file } of Object.values(compose.secrets)) expect(readFileSync(join(home, file), "utf8").length).toBeGreaterThan(30);
    // What the compose file takes from its surroundings lies beside it, for each `docker compose` that follows.
    const wanted = [...readFileSync("docs/examples/compose.yaml", "utf8").matchAll(/\$\{(\w+)/g)].map(([, name]) => name!);
    for (const name of new Set(wanted)) expect(readFileSync(join(home, ".env"), "utf8")).toMatch(new RegExp(`^${name}=\\d+`, "m"));
    const { status, stdout } = await cai(["trustee", "config", "--config", join(home, "secrets/trustee.toml"), "--json"]);
    expect(status).toBe(0);
    const password = readFileSync(join(home, "secrets/database.password"), "utf8").trim();
    expect(stdout).toContain("@database/cai");
    expect(stdout).not.toContain(password);
  }, 60_000);

  test("the systemd unit starts a command that there is, is one that systemd takes, and is locked down", () => {
    const unit = readFileSync("docs/examples/cai-trustee.service", "utf8");
    const [, command] = /^ExecStart=\/usr\/local\/bin\/(cai .*)$/m.exec(unit) ?? [];
    expect(mistakesOf(command ?? "")).toEqual([]);
    expect(unit).toContain("Type=notify");
    expect(unit).toContain("LoadCredential=cai-master-key:");
    const analyze = Bun.which("systemd-analyze");
    if (analyze === null) return;
    const verified = Bun.spawnSync([analyze, "verify", "--man=no", "docs/examples/cai-trustee.service"]);
    // The executable is not where the unit expects it on this machine; everything else that is said is a mistake.
    const said = verified.stderr
      .toString()
      .split("\n")
      .filter((line) => line.includes("cai-trustee.service") && !line.includes("is not executable"));
    expect(said).toEqual([]);
    const security = Bun.spawnSync([
      analyze,
      "security",
      "--offline=true",
      "--threshold=20",
      "--no-pager",
      "docs/examples/cai-trustee.service",
    ]);
    expect(security.exitCode).toBe(0);
  }, 60_000);
});
