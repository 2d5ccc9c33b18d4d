import { open } from "node:fs/promises";
import { CaiError } from "../../system/index.ts";

/**
 * Reads a file, or standard input for `-`.
 *
 * @param limit  bytes
 * @throws CaiError `cli.input-unreadable`, also where there is more than the limit
 */
export async function readInput(path: string, limit: number): Promise<Uint8Array> {
  const bytes = path === "-" ? await collect(Bun.stdin.stream(), limit, "standard input") : await readWhole(path, limit);
  if (bytes.length > limit) throw tooLarge(path, limit);
  return bytes;
}

async function readWhole(path: string, limit: number): Promise<Uint8Array> {
  try {
    await using file = await open(path, "r");
    return await collect(file.readableWebStream() as ReadableStream<Uint8Array>, limit, path);
  } catch (error) {
    if (error instanceof CaiError) throw error;
    throw new CaiError("cli.input-unreadable", `cannot read ${path}`, { got: (error as NodeJS.ErrnoException).code ?? String(error) });
  }
}

async function collect(stream: ReadableStream<Uint8Array>, limit: number, name: string): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of stream) {
    size += part.length;
    if (size > limit) throw tooLarge(name, limit);
    parts.push(new Uint8Array(part));
  }
  return new Uint8Array(Buffer.concat(parts));
}

function tooLarge(name: string, limit: number): CaiError {
  return new CaiError("cli.input-unreadable", `${name} is too large`, { expected: `at most ${limit} bytes` });
}
