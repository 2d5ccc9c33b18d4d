import { afterAll, afterEach, describe, expect, test } from "bun:test";
import { mkdirSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { CAI, hasFuse, removeScratch, scratch } from "./cai.ts";

const README = readFileSync("README.md", "utf8");
const folder = scratch();
const children: ReturnType<typeof shell>[] = [];
const port = await freePort();

/** The lines that a section of the README says to paste, at a free port instead of the default one. */
function pasted(name: string): string {
  const block = new RegExp(`<!-- shell: ${name} -->\n\`\`\`sh\n([\\s\\S]*?)\`\`\``).exec(README)?.[1];
  if (block === undefined) throw new Error(`the README has no lines for the shell ${name}`);
  return block.replaceAll("127.0.0.1:8080", `127.0.0.1:${port}`);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port: free } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return free;
}

/** A shell with `cai` on its path; the trustee's default address is a setting, so the port can be another one. */
function shell(script: string, env: Record<string, string> = {}, cwd = folder) {
  return Bun.spawn(["bash", "-e", "-c", script], {
    cwd,
    env: { PATH: `${dirname(CAI)}:${process.env["PATH"]}`, HOME: folder, ...env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
}

/** Runs lines to their end. */
async function paste(name: string, env: Record<string, string> = {}, cwd = folder): Promise<{ status: number; output: string }> {
  const child = shell(pasted(name), env, cwd);
  const [out, err, status] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited]);
  return { status, output: out + err };
}

/** Runs lines whose last one goes on, until it has printed the text that says it is ready. */
async function pasteAndWait(name: string, ready: string, env: Record<string, string> = {}): Promise<void> {
  const lines = pasted(name).trimEnd();
  const at = lines.lastIndexOf("\n") + 1;
  const child = shell(`${lines.slice(0, at)}exec ${lines.slice(at)}`, env);
  children.push(child);
  let output = "";
  const decoder = new TextDecoder();
  for await (const part of child.stdout) {
    output += decoder.decode(part, { stream: true });
    if (output.includes(ready)) return;
  }
  throw new Error(`the lines of ${name} ended: ${output}${await new Response(child.stderr).text()}`);
}

afterEach(async () => {
  for (const child of children.splice(0).reverse()) {
    child.kill("SIGTERM");
    expect(await child.exited).toBe(0);
  }
});
afterAll(() => removeScratch(folder));

describe("the README", () => {
  test.if(hasFuse)(
    "tells a story by hand that works as pasted",
    async () => {
      mkdirSync(folder, { recursive: true });
      await pasteAndWait("trustee", "ready at", { CAI_LISTEN: `127.0.0.1:${port}` });
      expect(await paste("owner")).toMatchObject({ status: 0 });
      await pasteAndWait("agent", "is mounted at");
      expect(Bun.spawnSync(["cmp", join(folder, "model/weights.bin"), join(folder, "mnt/weights.bin")]).exitCode).toBe(0);
      const other = await paste("other", { CAI_TRUSTEE: `http://127.0.0.1:${port}` });
      expect(other.status).toBe(3);
      expect(other.output).toContain("kbs.policy-denied");
      const verified = await paste("verify");
      expect(verified).toMatchObject({ status: 0 });
      expect(verified.output).toContain("assurance:   L1");
      expect(verified.output).toContain("runtime event: example.com load-config sha256:abcd");
      expect(await paste("offline")).toMatchObject({ status: 0 });
      expect(Bun.spawnSync(["diff", "-r", join(folder, "model"), join(folder, "copy")]).exitCode).toBe(0);
    },
    120_000,
  );

  test("says why a policy denied a release, in the very words of the command", async () => {
    const shown = /<!-- output: policy -->\n```\n([\s\S]*?)```/.exec(README)?.[1];
    const { status, output } = await paste("policy", {}, process.cwd());
    expect(output).toEndWith(`\nfalse\n${shown}`);
    expect(status).toBe(0);
  });

  test("names no flag that its command does not have", () => {
    const lines = [...README.matchAll(/^```sh\n([\s\S]*?)^```/gm)].flatMap(([, block]) => block!.replaceAll("\\\n", "").split("\n"));
    const inline = [...README.matchAll(/`(cai [^`\n]+)`/g)].map(([, command]) => command!);
    const commands = [...lines, ...inline].map((line) => line.replace(/\s#.*/, "")).filter((line) => /^cai .*--[a-z]/.test(line));
    expect(commands.length).toBeGreaterThan(15);
    for (const command of commands) {
      const verb = /^cai ((?:[a-z]+ ?)+)/.exec(command)![1]!.trim().split(" ").slice(0, 3);
      const help = Bun.spawnSync([CAI, ...verb, "--help"]).stdout.toString();
      for (const flag of command.match(/--[a-z][a-z-]+/g)!) expect([command, help.includes(`${flag} `)]).toEqual([command, true]);
    }
  });

  test("names no command that does not exist", () => {
    const named = [...README.matchAll(/^cai ([a-z]+(?: [a-z]+)*)/gm)].map((match) => match[1]!);
    expect(named.length).toBeGreaterThan(10);
    for (const words of new Set(named)) {
      const help = Bun.spawnSync([CAI, ...words.split(" ").slice(0, 3), "--help"]);
      expect(help.exitCode).toBe(0);
    }
  });
});
