import { connect, type Socket } from "node:net";

/** An answer as it came over the socket. */
export interface Answer {
  readonly status: number;
  /** in the order and spelling of the wire */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Buffer;
}

export interface Question {
  readonly method?: string;
  /** path and query, sent as they are */
  readonly target: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

/** Opens a connection to a trustee. */
export function dial(url: string): Promise<Socket> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () => resolve(socket));
    socket.once("error", reject);
  });
}

/** Sends one request byte by byte as written here, and reads the answer to the end of the connection. */
export async function ask(url: string, { method = "GET", target, headers = {}, body }: Question): Promise<Answer> {
  const socket = await dial(url);
  const bytes = body === undefined ? undefined : Buffer.from(body);
  const lines = [
    `${method} ${target} HTTP/1.1`,
    `Host: ${new URL(url).host}`,
    "Connection: close",
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    ...(bytes === undefined ? [] : [`Content-Length: ${bytes.length}`]),
  ];
  socket.write(`${lines.join("\r\n")}\r\n\r\n`);
  if (bytes !== undefined) socket.write(bytes);
  return parse(await rest(socket), method);
}

/**
 * Announces a body and sends nothing of it. What is refused so is answered for certain: a server that closes before it has read all of a body
 * resets the connection, and its answer may be lost with it.
 */
export async function announce(url: string, target: string, size: number): Promise<Answer> {
  const socket = await dial(url);
  const head = [`POST ${target} HTTP/1.1`, `Host: ${new URL(url).host}`, "Connection: close", `Content-Length: ${size}`];
  socket.write(`${head.join("\r\n")}\r\n\r\n`);
  return parse(await rest(socket));
}

/** @returns everything that still comes over a connection */
export function rest(socket: Socket): Promise<Buffer> {
  const parts: Buffer[] = [];
  return new Promise((resolve) => {
    socket.on("data", (part) => parts.push(Buffer.from(part)));
    // A server that refuses a body may close before all of it was taken; what it said before that is its answer.
    socket.on("error", () => socket.destroy());
    socket.once("close", () => resolve(Buffer.concat(parts)));
  });
}

/** Reads the bytes of one answer. */
export function parse(bytes: Buffer, method = "GET"): Answer {
  const end = bytes.indexOf("\r\n\r\n");
  if (end < 0) throw new Error(`no answer: ${bytes.toString().slice(0, 100)}`);
  const [first = "", ...lines] = bytes.subarray(0, end).toString("latin1").split("\r\n");
  const headers = lines.map((line) => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon), line.slice(colon + 1).trim()] as const;
  });
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(first)?.[1]);
  const content = bytes.subarray(end + 4);
  const chunked = headers.some(([name, value]) => name.toLowerCase() === "transfer-encoding" && value.includes("chunked"));
  return { status, headers, body: method === "HEAD" || !chunked ? content : unchunked(content) };
}

/** @returns the values of a header, whatever its spelling */
export function valuesOf({ headers }: Answer, name: string): string[] {
  return headers.filter(([given]) => given.toLowerCase() === name).map(([, value]) => value);
}

/** What an error answer says. */
export interface Refusal {
  readonly type: string;
  readonly detail: string;
  readonly id: string;
  readonly decision?: string;
}

/** @returns the error object of an answer, which must have exactly its members */
export function refusalOf(answer: Answer): Refusal {
  const value = JSON.parse(answer.body.toString()) as Refusal;
  const members = Object.keys(value).filter((name) => name !== "decision");
  if (members.join() !== "type,detail,id") throw new Error(`not an error object: ${answer.body}`);
  if (valuesOf(answer, "content-type").join() !== "application/json") throw new Error("an error without the type of JSON");
  return value;
}

/** @returns status, variant and error id in one line: `401 TokenNotFound kbs.token-missing` */
export function verdict(answer: Answer): string {
  if (answer.status === 200) return `200 ${answer.body.toString().slice(0, 80)}`;
  const { type, id } = refusalOf(answer);
  const prefix = "https://github.com/confidential-containers/kbs/errors/";
  if (!type.startsWith(prefix)) throw new Error(`another type: ${type}`);
  return `${answer.status} ${type.slice(prefix.length)} ${id}`;
}

function unchunked(bytes: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; ; ) {
    const line = bytes.indexOf("\r\n", at);
    const size = Number.parseInt(bytes.subarray(at, line).toString("latin1"), 16);
    if (line < 0 || Number.isNaN(size)) throw new Error("an answer cut in a chunk");
    if (size === 0) return Buffer.concat(parts);
    parts.push(bytes.subarray(line + 2, line + 2 + size));
    at = line + 2 + size + 2;
  }
}
