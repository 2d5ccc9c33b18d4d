import { mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { CaiError, defineVerb } from "../../../system/index.ts";
import { Narration } from "../narration.ts";
import { Program } from "../program.ts";
import { type Stage, Story } from "../story.ts";

export default defineVerb({
  path: "demo",
  description:
    "Plays the whole story on this machine, without TEE hardware: a model is encrypted, a simulated Intel TDX machine attests, the trustee releases\nthe key, the model is mounted and every byte compared; a changed kernel, forged quotes, replays and thieves are refused. Ends with a table of what was proved.",
  positionals: [],
  flags: {
    model: { kind: "text", value: "DIR", about: "use this folder instead of a made-up model; it is only read", commandLineOnly: true },
    keep: { kind: "switch", about: "keep the demo's folder, with the logs of every process", commandLineOnly: true },
  },
  examples: [
    { about: "the story with a made-up model", line: "cai demo" },
    { about: "with your own model, keeping everything it made", line: "cai demo --model ./qwen --keep" },
  ],
  exits: { 0: "everything was proved", 1: "something was not" },
  async run({ flags, json, print, signal }) {
    const model = flags.model === undefined ? undefined : modelFolder(flags.model);
    const folder = mkdtempSync(join(tmpdir(), "cai-demo-"));
    const stage = makeStage(folder);
    const program = new Program(stage.logs, stage.temporary);
    const say = new Narration(json ? () => {} : (line) => void process.stdout.write(`${line}\n`));
    try {
      await interruptible(new Story(program, stage, say, model).play(), signal);
      const folderKept = flags.keep ? folder : null;
      print(
        { held: say.held, proofs: say.proofs, folder: folderKept },
        `\nWhat was proved\n${say.table()}${folderKept === null ? "" : `\n\nkept: ${folderKept}`}`,
      );
    } finally {
      await program.stopAll();
      if (!flags.keep) rmSync(folder, { recursive: true, force: true });
    }
    const failed = say.proofs.filter((proof) => !proof.held).map((proof) => proof.claim);
    if (failed.length > 0)
      throw new CaiError("demo.not-proved", `${failed.length} of ${say.proofs.length} promises did not hold`, { got: failed.join("; ") });
  },
});

function modelFolder(path: string): string {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return resolve(path);
  throw new CaiError("cli.input-unreadable", `${path} is not a folder`, { expected: "the folder of a model", got: path });
}

function makeStage(folder: string): Stage {
  const stage = {
    home: join(folder, "home"),
    cloud: join(folder, "cloud"),
    mountpoint: join(folder, "mnt"),
    logs: join(folder, "logs"),
    temporary: join(folder, "tmp"),
  };
  for (const path of Object.values(stage)) mkdirSync(path, { mode: 0o700 });
  return stage;
}

/** Ends the story at once where the user interrupts it; what it started is ended by the caller. */
async function interruptible(story: Promise<void>, signal: AbortSignal): Promise<void> {
  const interrupted = new Promise<never>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason), { once: true }));
  await Promise.race([story, interrupted]);
}
