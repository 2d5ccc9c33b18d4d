import { CaiError } from "../../system/index.ts";
import { decodeBase64 } from "../encoding.ts";

const malformed = (expected: string, got: string): CaiError =>
  new CaiError("crypto.pem-malformed", `PEM: expected ${expected}, got ${got}`, { expected, got });

/** Of ASCII only: a text that has other white space was not written as PEM. */
const LEADING_SPACE = /^[ \t\r\n]+/;

/**
 * The DER of every block in `text`, in order. Lines end with LF or CRLF; only white space may stand around the blocks (RFC 7468 §3, strict form).
 *
 * @param label  what every block must be, for example `CERTIFICATE`
 * @param max    how many blocks are accepted at most
 * @throws CaiError `crypto.pem-malformed`
 */
export function decodePem(text: string, label: string, max = 16): Uint8Array[] {
  const blocks: Uint8Array[] = [];
  const begin = `-----BEGIN ${label}-----`;
  const end = `-----END ${label}-----`;
  let rest = text.replace(LEADING_SPACE, "");
  while (rest !== "") {
    if (!rest.startsWith(begin)) throw malformed(begin, "another text"); // never shown: it may be a key
    const stop = rest.indexOf(end);
    if (stop < 0) throw malformed(end, "the end of the text");
    if (blocks.length === max) throw malformed(`at most ${max} blocks`, "more");
    blocks.push(decodeBody(rest.slice(begin.length, stop)));
    rest = rest.slice(stop + end.length).replace(LEADING_SPACE, "");
  }
  if (blocks.length === 0) throw malformed(begin, "nothing");
  return blocks;
}

/** One PEM block with lines of 64 characters and a newline at the end. */
export function encodePem(der: Uint8Array, label: string): string {
  const lines =
    Buffer.from(der)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}

function decodeBody(body: string): Uint8Array {
  const compact = body.replaceAll(/[ \t\r\n]/g, "");
  if (compact === "") throw malformed("base64 between the markers", "nothing");
  try {
    return decodeBase64(compact);
  } catch (cause) {
    throw new CaiError("crypto.pem-malformed", "PEM: expected base64 between the markers, got other characters", { cause });
  }
}
