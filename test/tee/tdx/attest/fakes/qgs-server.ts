import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Socket } from "bun";
import type { StreamAddress } from "../../../../../src/system/index.ts";
import { quoteOfTdreport } from "./fake-guest.ts";

/** What the service does wrong with the next answer. */
export type QgsFault =
  | { readonly kind: "error"; readonly code: number }
  /** another message type, or another major version */
  | { readonly kind: "type"; readonly type: number }
  | { readonly kind: "major"; readonly major: number }
  /** sizes that say something else than what is there: of the message, and of the quote */
  | { readonly kind: "size"; readonly by: number }
  | { readonly kind: "quote-size"; readonly by: number }
  /** a frame that says it is so long; the message follows all the same */
  | { readonly kind: "frame"; readonly length: number }
  /** closes after so many bytes of the answer */
  | { readonly kind: "cut"; readonly after: number }
  /** sends in small pieces */
  | { readonly kind: "trickle" }
  /** never answers */
  | { readonly kind: "silent" }
  /** a quote over other report data */
  | { readonly kind: "other" }
  /** a quote of another machine, whose TDREPORT differs in that byte */
  | { readonly kind: "machine"; readonly at: number };

/** Bytes of an id that precedes the quote, which clients have to skip. */
const SELECTED_ID = Uint8Array.of(1, 2, 3, 4, 5);

/** Bytes of one piece: so few that one length or header comes in two, so many that the socket's buffer takes all pieces. */
const PIECE = 99;

/** A quote generation service of the simulated platform on a socket file, as the host has one (tdx.md §3.3). */
export class QgsServer {
  readonly address: StreamAddress & { readonly kind: "unix" };
  /** the requests that came, without their frames */
  readonly requests: Uint8Array[] = [];
  fault: QgsFault | undefined;
  readonly #folder = mkdtempSync(join(tmpdir(), "cai-qgs-"));
  readonly #listener;

  constructor() {
    const path = join(this.#folder, "qgs.socket");
    this.address = { kind: "unix", path };
    this.#listener = Bun.listen<{ received: Buffer }>({
      unix: path,
      socket: {
        open: (socket) => {
          socket.data = { received: Buffer.alloc(0) };
        },
        data: (socket, bytes) => {
          socket.data.received = Buffer.concat([socket.data.received, bytes]);
          this.#serve(socket);
        },
      },
    });
  }

  stop(): void {
    this.#listener.stop(true);
    rmSync(this.#folder, { recursive: true });
  }

  #serve(socket: Socket<{ received: Buffer }>): void {
    const { received } = socket.data;
    if (received.length < 4 || received.length < 4 + received.readUInt32BE(0)) return;
    const request = received.subarray(4, 4 + received.readUInt32BE(0));
    socket.data.received = received.subarray(4 + request.length);
    this.requests.push(Uint8Array.from(request));
    const { fault } = this;
    if (fault?.kind === "silent") return;
    const answer = answerTo(request, fault);
    if (fault?.kind === "cut") socket.end(answer.subarray(0, fault.after));
    else if (fault?.kind === "trickle") for (let at = 0; at < answer.length; at += PIECE) socket.write(answer.subarray(at, at + PIECE));
    else socket.write(answer);
  }
}

/** The framed answer to one request message. */
export function answerTo(request: Uint8Array, fault?: QgsFault): Buffer {
  const refused = framed(message(new Uint8Array(), { kind: "error", code: 0x12006 }));
  if (request.length !== 24 + 1024) return refused;
  const view = new DataView(request.buffer, request.byteOffset, request.byteLength);
  const isRequest = view.getUint16(0, true) === 1 && view.getUint32(4, true) === 0;
  if (!isRequest || view.getUint32(8, true) !== request.length || view.getUint32(16, true) !== 1024) return refused;
  const report = request.subarray(24);
  const asked = Uint8Array.from(report);
  if (fault?.kind === "other") asked.fill(0xee, 128, 192);
  if (fault?.kind === "machine") asked[fault.at]! ^= 1;
  return framed(message(fault?.kind === "error" ? new Uint8Array() : quoteOfTdreport(asked), fault), fault);
}

function message(quote: Uint8Array, fault?: QgsFault): Buffer {
  const id = quote.length === 0 ? new Uint8Array() : SELECTED_ID;
  const bytes = Buffer.alloc(24 + id.length + quote.length);
  bytes.writeUInt16LE(fault?.kind === "major" ? fault.major : 1, 0);
  bytes.writeUInt16LE(1, 2);
  bytes.writeUInt32LE(fault?.kind === "type" ? fault.type : 1, 4);
  bytes.writeUInt32LE(bytes.length + (fault?.kind === "size" ? fault.by : 0), 8);
  bytes.writeUInt32LE(fault?.kind === "error" ? fault.code : 0, 12);
  bytes.writeUInt32LE(id.length, 16);
  bytes.writeUInt32LE(quote.length + (fault?.kind === "quote-size" ? fault.by : 0), 20);
  bytes.set(id, 24);
  bytes.set(quote, 24 + id.length);
  return bytes;
}

function framed(bytes: Buffer, fault?: QgsFault): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(fault?.kind === "frame" ? fault.length : bytes.length);
  return Buffer.concat([length, bytes]);
}
