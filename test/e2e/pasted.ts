import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { dirname } from "node:path";
import { CAI } from "./cai.ts";

type Child = ReturnType<typeof shell>;

/** A shell with `cai` on its path. */
function shell(script: string, cwd: string, env: Record<string, string>) {
  return Bun.spawn(["bash", "-e", "-c", script], {
    cwd,
    env: { PATH: `${dirname(CAI)}:${process.env["PATH"]}`, HOME: cwd, ...env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
}

/** A document whose lines are pasted into shells that work in one folder, as its reader would. */
export class Pasted {
  readonly text: string;
  readonly #folder: string;
  readonly #port: number;
  readonly #children: Child[] = [];

  /**
   * @param document  its path
   * @param port      a free one, which takes the place of the trustee's default port
   */
  constructor(document: string, folder: string, port: number) {
    this.text = readFileSync(document, "utf8");
    this.#folder = folder;
    this.#port = port;
  }

  /** The lines that a section says to paste. */
  lines(name: string): string {
    const block = new RegExp(`<!-- shell: ${name} -->\n\`\`\`sh\n([\\s\\S]*?)\`\`\``).exec(this.text)?.[1];
    if (block === undefined) throw new Error(`there are no lines for the shell ${name}`);
    return block.replaceAll("127.0.0.1:8080", `127.0.0.1:${this.#port}`);
  }

  /** Runs lines to their end. */
  async run(name: string, env: Record<string, string> = {}, cwd = this.#folder): Promise<{ status: number; output: string }> {
    const child = shell(this.lines(name), cwd, env);
    const [out, err, status] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited]);
    return { status, output: out + err };
  }

  /** Runs lines whose last one goes on, until it has printed the text that says it is ready. */
  async runUntil(name: string, ready: string, env: Record<string, string> = {}): Promise<void> {
    const lines = this.lines(name).trimEnd();
    const at = lines.lastIndexOf("\n") + 1;
    const child = shell(`${lines.slice(0, at)}exec ${lines.slice(at)}`, this.#folder, env);
    this.#children.push(child);
    let output = "";
    const decoder = new TextDecoder();
    for await (const part of child.stdout) {
      output += decoder.decode(part, { stream: true });
      if (output.includes(ready)) return;
    }
    throw new Error(`the lines of ${name} ended: ${output}${await new Response(child.stderr).text()}`);
  }

  /** Ends what goes on, the latest first. @returns the statuses that it ended with */
  async end(): Promise<number[]> {
    const statuses: number[] = [];
    for (const child of this.#children.splice(0).reverse()) {
      child.kill("SIGTERM");
      statuses.push(await child.exited);
    }
    return statuses;
  }
}

/** @returns a port that nobody listens on */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port: free } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return free;
}

/** @returns the commands of `cai` in a document: those in its blocks for shells, and those in the middle of its text */
export function commandsIn(text: string): string[] {
  const blocks = [...text.matchAll(/^```sh\n([\s\S]*?)^```/gm)].flatMap(([, block]) => block!.replaceAll("\\\n", "").split("\n"));
  const inline = [...text.matchAll(/`([^`\n]*\bcai [^`\n]+)`/g)].map(([, command]) => command!);
  const lines = [...blocks, ...inline].map((line) => line.replace(/\s#.*/, ""));
  return lines.flatMap((line) => /(?:^|[;&|]\s*|\s)(cai [a-z].*)$/.exec(line)?.[1] ?? []);
}

/** The help of each command, asked for once. */
const helps = new Map<string, { status: number; text: string }>();

/** @returns what is wrong with a command line: a verb that there is not, or a flag that it has not */
export function mistakesOf(command: string): string[] {
  const words = /^cai ((?:[a-z][a-z-]*(?: |$))+)/.exec(command)?.[1]?.trim().split(" ").slice(0, 3) ?? [];
  const name = words.join(" ");
  let help = helps.get(name);
  if (help === undefined) {
    const { exitCode, stdout } = Bun.spawnSync([CAI, ...words, "--help"]);
    help = { status: exitCode, text: stdout.toString() };
    helps.set(name, help);
  }
  if (help.status !== 0) return [`${command}: there is no such command`];
  const { text } = help;
  const flags = command.match(/(?<=\s)--[a-z][a-z-]+/g) ?? [];
  return flags.filter((flag) => !text.includes(`${flag} `)).map((flag) => `${command}: no ${flag}`);
}
