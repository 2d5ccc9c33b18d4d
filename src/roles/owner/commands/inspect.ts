import { open, stat } from "node:fs/promises";
import { openFileSource } from "../../../model/index.ts";
import { defineVerb } from "../../../system/index.ts";
import { coloursFor } from "../colours.ts";
import type { Explanation } from "../inspect/artefact.ts";
import { explainModel, looksLikeModel } from "../inspect/model.ts";
import { explainArtefact } from "../inspect/registry.ts";
import { formatSections } from "../report.ts";
import { isUrl, readSource } from "../source.ts";

const MAX_ARTEFACT = 16 * 1024 * 1024;
const START_SIZE = 64;

export default defineVerb({
  path: "inspect",
  description:
    "Explains an artefact of any kind that cai works with, which it recognises by its content: quotes, event logs, reports, tokens, certificates,\ncollateral, encrypted models. Nothing is verified: whoever made or carried the artefact can have it say anything (see `cai verify`).",
  positionals: [{ name: "ARTEFACT", about: "a file, an http(s) URL, or `-` for standard input; an encrypted model only as a file" }],
  flags: {},
  examples: [
    { about: "a quote field by field", line: "cai inspect quote.bin" },
    { about: "the event log of this machine", line: "cai inspect /sys/firmware/acpi/tables/data/CCEL" },
    { about: "a token, for a program", line: "cai inspect token.jwt --json" },
    { about: "what an encrypted model tells without its key", line: "cai inspect enc.tar" },
  ],
  exits: { 0: "explained; nothing was verified", 1: "nothing that is known, or damaged" },
  async run({ positionals: [source], print, signal }) {
    const { kind, json, sections } = await explainSource(source, signal);
    const warning = coloursFor(process.stdout, process.env).warning("Nothing was verified.");
    print({ kind, verified: false, ...json }, `${kind}. ${warning}\n\n${formatSections(sections)}`);
  },
});

async function explainSource(source: string, signal: AbortSignal): Promise<Explanation> {
  if (source !== "-" && !isUrl(source)) {
    const model = await modelIn(source);
    if (model !== undefined) return model;
  }
  return explainArtefact(await readSource(source, MAX_ARTEFACT, signal));
}

/** An encrypted model may be larger than memory, so only its header is read. */
async function modelIn(path: string): Promise<Explanation | undefined> {
  if (!looksLikeModel(await startOf(path))) return undefined;
  const file = await openFileSource(path);
  try {
    return await explainModel(file);
  } finally {
    await file.close();
  }
}

/** The first bytes of a regular file; none of anything else, which can be read once only. */
async function startOf(path: string): Promise<Uint8Array> {
  try {
    if (!(await stat(path)).isFile()) return new Uint8Array(0);
    await using file = await open(path, "r");
    const { bytesRead, buffer } = await file.read(new Uint8Array(START_SIZE), 0, START_SIZE, 0);
    return buffer.subarray(0, bytesRead);
  } catch {
    // Whoever reads it whole says what is wrong with it.
    return new Uint8Array(0);
  }
}
