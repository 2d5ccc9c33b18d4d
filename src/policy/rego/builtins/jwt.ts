import { exactJson, OutOfRange } from "../json-input.ts";
import type { Run } from "../run.ts";
import { isObject, member, type PlainObject, type RegoObject, type Value } from "../value.ts";
import { BuiltinFailure, type Builtins, builtin, stringArg } from "./builtin.ts";

/** A token in compact form, taken apart (RFC 7515 §7.1). Nothing of it is verified. */
export interface CompactToken {
  readonly header: PlainObject | RegoObject;
  /** text, of any kind */
  readonly payload: string;
  readonly signature: Uint8Array;
  /** what the signature covers */
  readonly signed: string;
  /** true where the payload is a token again (RFC 7519 §5.2) */
  readonly isNested: boolean;
}

const BASE64_URL = /^(?:[A-Za-z0-9_-]{4})*(?:[A-Za-z0-9_-]{2,3})?$/;
const MAXIMUM_NESTING = 8;

/** @throws BuiltinFailure */
export function parseToken(text: string, run: Run): CompactToken {
  run.characters(text.length);
  const parts = text.split(".");
  if (parts.length !== 3) throw new BuiltinFailure(`expected a token of 3 parts, got ${parts.length}`);
  const [head, body, seal] = parts as [string, string, string];
  const header = jsonObject(decodedText(head, "header"), "header");
  if (member(header, "enc") !== undefined) throw new BuiltinFailure("expected a signed token, got an encrypted one");
  const type = member(header, "cty");
  return {
    header,
    payload: decodedText(body, "payload"),
    signature: decodedBytes(seal, "signature"),
    signed: `${head}.${body}`,
    isNested: typeof type === "string" && type.toUpperCase() === "JWT",
  };
}

/** Follows nested tokens to the innermost one; `visit` sees each on the way and may end it by answering false. */
export function innermost(text: string, run: Run, visit: (token: CompactToken) => boolean): CompactToken | undefined {
  let inner = text;
  for (let depth = 0; depth < MAXIMUM_NESTING; depth++) {
    const token = parseToken(inner, run);
    if (!visit(token)) return undefined;
    if (!token.isNested) return token;
    inner = token.payload.replace(/^"(.*)"$/, "$1");
  }
  throw new BuiltinFailure(`expected at most ${MAXIMUM_NESTING} nested tokens`);
}

/** @throws BuiltinFailure where the text is no JSON object */
export function jsonObject(text: string, what: string): PlainObject | RegoObject {
  let value: Value;
  try {
    value = exactJson(text) as Value;
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof OutOfRange)) throw error;
    throw new BuiltinFailure(`the ${what} is no JSON`);
  }
  if (!isObject(value)) throw new BuiltinFailure(`the ${what} is no JSON object`);
  return value;
}

function decodedBytes(part: string, what: string): Uint8Array {
  if (!BASE64_URL.test(part)) throw new BuiltinFailure(`the ${what} is no base64url without padding`);
  return Buffer.from(part, "base64url");
}

function decodedText(part: string, what: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(decodedBytes(part, what));
  } catch (error) {
    if (error instanceof BuiltinFailure) throw error;
    throw new BuiltinFailure(`the ${what} is no UTF-8 text`);
  }
}

/** Reading tokens without verifying them. */
export const tokens: Builtins = {
  "io.jwt.decode": builtin(1, (args, run) => {
    const token = innermost(stringArg(args, 0), run, () => true)!;
    return [token.header, jsonObject(token.payload, "payload"), Buffer.from(token.signature).toString("hex")];
  }),
};
