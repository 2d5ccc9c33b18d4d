import { constants } from "node:fs";
import { type FileHandle, open, unlink } from "node:fs/promises";
import { CaiError } from "../system/index.ts";
import { KEY_SIZE } from "./keys.ts";
import { parseRoot } from "./root.ts";
import { errorCode } from "./source.ts";

/** What a key file holds: the wrapping key, and the root of the artefact it was made for. */
export interface KeyFile {
  /** 32 bytes */
  readonly kek: Uint8Array;
  /** `sha256:<hex>`; absent where the file is the bare key */
  readonly root?: string;
}

const LF = 0x0a;
const ROOT_LINE = "sha256:".length + 64 + 1;
const WITH_ROOT = KEY_SIZE + 1 + ROOT_LINE;
const OTHERS = 0o077;

/**
 * Reads a key file: 32 raw bytes, then nothing, or a line feed and a line with the root (security.md §3.7).
 *
 * @throws CaiError `cli.input-unreadable`, `model.key-file-open` where others than its owner may read it, `model.key-file-invalid`
 */
export async function readKeyFile(path: string): Promise<KeyFile> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const stat = await handle.stat();
    if (!stat.isFile()) throw new CaiError("cli.input-unreadable", `${path} is not a regular file`);
    if ((stat.mode & OTHERS) !== 0) {
      throw new CaiError("model.key-file-open", `${path} may be read or written by others than its owner`, {
        expected: "mode 0600",
        got: `mode 0${(stat.mode & 0o777).toString(8)}`,
        hint: `chmod 600 ${path}`,
      });
    }
    if (stat.size !== KEY_SIZE && stat.size !== WITH_ROOT) throw invalid(path, `${stat.size} bytes`);
    const bytes = new Uint8Array(stat.size);
    const { bytesRead } = await handle.read(bytes, 0, bytes.length, 0);
    if (bytesRead !== bytes.length) throw invalid(path, `${bytesRead} bytes`);
    return parseKeyFile(bytes, path);
  } catch (cause) {
    if (cause instanceof CaiError) throw cause;
    throw new CaiError("cli.input-unreadable", `${path} cannot be read`, { got: errorCode(cause), cause });
  } finally {
    await handle?.close();
  }
}

/**
 * Writes a key file of mode 0600 and flushes it. An existing file is never overwritten, and an incomplete one is not left.
 *
 * @throws CaiError `cli.output-exists`, `cli.output-failed`, `model.root-invalid`
 */
export async function writeKeyFile(path: string, kek: Uint8Array, root?: string): Promise<void> {
  const text = root === undefined ? "" : `\n${parseRoot(root)}\n`;
  const bytes = Buffer.concat([kek, new TextEncoder().encode(text)]);
  let handle: FileHandle;
  try {
    handle = await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
  } catch (cause) {
    const code = errorCode(cause);
    if (code === "EEXIST") throw new CaiError("cli.output-exists", `${path} exists already, and a key is never overwritten`);
    throw new CaiError("cli.output-failed", `${path} cannot be made`, { got: code, cause });
  }
  try {
    await handle.writeFile(bytes);
    await handle.sync();
  } catch (cause) {
    await unlink(path);
    throw new CaiError("cli.output-failed", `${path} cannot be written`, { got: errorCode(cause), cause });
  } finally {
    bytes.fill(0);
    await handle.close();
  }
}

function parseKeyFile(bytes: Uint8Array, path: string): KeyFile {
  const kek = bytes.slice(0, KEY_SIZE);
  if (bytes.length === KEY_SIZE) return { kek };
  const line = new TextDecoder("latin1").decode(bytes.subarray(KEY_SIZE + 1, WITH_ROOT - 1));
  if (bytes[KEY_SIZE] !== LF || bytes[WITH_ROOT - 1] !== LF || !/^sha256:[0-9a-f]{64}$/.test(line)) {
    throw invalid(path, "something else behind the key");
  }
  bytes.fill(0);
  return { kek, root: line };
}

function invalid(path: string, got: string): CaiError {
  return new CaiError("model.key-file-invalid", `${path} is not a key file`, {
    expected: `${KEY_SIZE} raw bytes, or these, a line feed and a line sha256:<64 hex digits>`,
    got,
  });
}
