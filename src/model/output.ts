import { writeSync } from "node:fs";
import { CaiError } from "../system/index.ts";
import { errorCode } from "./source.ts";

/** Writes all of `from` at a position of an output that errors call `name`. @throws CaiError `cli.output-failed` */
export function writeWhole(fd: number, from: Uint8Array, position: number, name = "the archive"): void {
  try {
    for (let done = 0; done < from.length; ) done += writeSync(fd, from, done, from.length - done, position + done);
  } catch (cause) {
    throw new CaiError("cli.output-failed", `${name} cannot be written`, { got: errorCode(cause), cause });
  }
}
