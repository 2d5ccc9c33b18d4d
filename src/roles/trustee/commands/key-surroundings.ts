import { CaiError } from "../../../system/index.ts";
import type { KeySurroundings } from "../store/index.ts";

/** What of this process a master key may come from: systemd's credentials, and a person at a terminal. */
export function keySurroundings(): KeySurroundings {
  const credentials = process.env["CREDENTIALS_DIRECTORY"];
  return {
    ...(credentials !== undefined && credentials !== "" && { credentials }),
    ...(process.stdin.isTTY && process.stderr.isTTY && { ask }),
  };
}

async function ask({ new: fresh }: { readonly new: boolean }): Promise<Buffer> {
  const passphrase = await question(fresh ? "New passphrase of the store: " : "Passphrase of the store: ");
  if (!fresh) return passphrase;
  const again = await question("The same again: ");
  const same = passphrase.equals(again);
  again.fill(0);
  if (same) return passphrase;
  passphrase.fill(0);
  throw new CaiError("store.passphrase-missing", "the two passphrases differ");
}

const ENTER = [0x0a, 0x0d];
const ERASE = [0x08, 0x7f];
const INTERRUPT = 0x03;
const END = 0x04;
const ERASE_LINE = 0x15;
const MAX_TYPED = 1024;

/** Asks on the terminal, and shows nothing of what is typed. */
function question(text: string): Promise<Buffer> {
  const { stdin, stderr } = process;
  const typed = Buffer.alloc(MAX_TYPED);
  let size = 0;
  // First of all nothing is shown any more: somebody may type before the question is read.
  stdin.setRawMode(true);
  stderr.write(text);
  return new Promise((resolve, reject) => {
    const end = (settle: () => void) => {
      stdin.setRawMode(false);
      stdin.pause();
      stdin.off("data", read);
      stderr.write("\n");
      settle();
    };
    const read = (bytes: Buffer) => {
      for (const byte of bytes) {
        if (ENTER.includes(byte) || byte === END) return end(() => resolve(typed.subarray(0, size)));
        if (byte === INTERRUPT) return end(() => reject(new CaiError("cli.interrupted", "no passphrase was given")));
        if (byte === ERASE_LINE) size = 0;
        else if (ERASE.includes(byte)) size = withoutLastCharacter(typed, size);
        else if (size < MAX_TYPED) typed[size++] = byte;
      }
      bytes.fill(0);
    };
    stdin.on("data", read);
    stdin.resume();
  });
}

/** UTF-8: the bytes that go on a character are 10xxxxxx. */
function withoutLastCharacter(bytes: Uint8Array, size: number): number {
  let end = size;
  while (end > 0 && (bytes[end - 1]! & 0xc0) === 0x80) end--;
  return Math.max(0, end - 1);
}
