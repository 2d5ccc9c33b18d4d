import { lstatSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { type PolicyModule, policyText } from "../../policy/index.ts";
import { CaiError } from "../../system/index.ts";
import { readInput } from "./input.ts";

/** The longest policy that the engine takes. */
const MAX_POLICY = 1024 * 1024;
/** Bytes of all policies of one call together; one policy takes far less. */
const MAX_TOTAL = 16 * 1024 * 1024;
/** Files below one folder that are looked at. */
const MAX_FILES = 10_000;
const STANDARD_INPUT = "standard input";

/**
 * Reads Rego modules. A folder stands for every `.rego` file in it and below it; `-` for standard input.
 *
 * @returns modules named by their paths, those of a folder sorted; a file that is named twice once
 * @throws CaiError `cli.input-unreadable`, `policy.parse-error` where a file is no UTF-8
 */
export async function readModules(paths: readonly string[]): Promise<PolicyModule[]> {
  const files = new Set(paths.flatMap((path) => (isFolder(path) ? regoFiles(path) : [path])));
  const modules: PolicyModule[] = [];
  let total = 0;
  for (const file of files) {
    const text = await readModule(file);
    total += text.length;
    if (total > MAX_TOTAL)
      throw new CaiError("cli.input-unreadable", "the policies are too large", { expected: `at most ${MAX_TOTAL} bytes in all` });
    modules.push({ name: file === "-" ? STANDARD_INPUT : file, text });
  }
  return modules;
}

async function readModule(file: string): Promise<string> {
  const bytes = await readInput(file, MAX_POLICY);
  try {
    return policyText(bytes);
  } catch (cause) {
    throw new CaiError("policy.parse-error", `${file} is no UTF-8 text`, { expected: "Rego in UTF-8", cause });
  }
}

function regoFiles(folder: string): string[] {
  const files = filesBelow(folder).filter((file) => file.endsWith(".rego"));
  if (files.length > 0) return files;
  throw new CaiError("cli.input-unreadable", `there is no policy in ${folder}`, { expected: "a folder with files named *.rego" });
}

/** @returns every file in a folder and below it, sorted; links to folders are not followed, so that none leads in a circle */
export function filesBelow(folder: string): string[] {
  const files: string[] = [];
  const visit = (path: string) => {
    for (const entry of readdirSync(path, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const child = join(path, entry.name);
      if (entry.isDirectory()) visit(child);
      else if (lstatSync(child).isFile() || isLinkToFile(child)) files.push(child);
      if (files.length > MAX_FILES) {
        throw new CaiError("cli.input-unreadable", `${folder} has too many files`, { expected: `at most ${MAX_FILES}` });
      }
    }
  };
  try {
    visit(folder);
  } catch (error) {
    if (error instanceof CaiError) throw error;
    throw new CaiError("cli.input-unreadable", `cannot read ${folder}`, { got: (error as NodeJS.ErrnoException).code ?? String(error) });
  }
  return files;
}

/** A link to nowhere counts as no file. */
function isLinkToFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}

export function isFolder(path: string): boolean {
  return path !== "-" && (statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false);
}
