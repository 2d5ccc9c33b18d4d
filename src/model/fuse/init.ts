import { decodeHeader, encodeReplyHeader, IN_HEADER, Opcode } from "./protocol.ts";

/** The newest protocol that this server speaks, and the oldest kernel that it serves: 7.31 is Linux 5.4. */
const MAJOR = 7;
const MAX_MINOR = 40;
const MIN_MINOR = 31;

/** Reply size since 7.23. */
const INIT_OUT = 64;

/** Most bytes of one READ. Also the mount option `max_read`. */
export const MAX_READ = 1024 * 1024;
const PAGE = 4096;
const MAX_BACKGROUND = 64;
const CONGESTION = 48;
const MAX_WRITE = 4096;

const FLAG = {
  asyncRead: 1 << 0,
  atomicTruncate: 1 << 3,
  readdirPlus: 1 << 13,
  readdirPlusAuto: 1 << 14,
  asyncDirectIo: 1 << 15,
  noOpen: 1 << 17,
  parallelDirectories: 1 << 18,
  abortError: 1 << 21,
  maxPages: 1 << 22,
  cacheSymlinks: 1 << 23,
  noOpendir: 1 << 24,
  explicitInvalidation: 1 << 25,
  initExtended: 1 << 30,
} as const;

/** What is asked for, as far as the kernel offers it (model-format.md §5.2). Without explicit invalidation pages could be dropped. */
const WANTED = Object.values(FLAG).reduce((sum, flag) => sum | flag, 0);

/** Second word of flags: direct I/O files may be mapped (6.6 and later). */
const WANTED_2 = 1 << 4;

/** What server and kernel agreed on. */
export interface Negotiated {
  readonly minor: number;
  /** OPEN and OPENDIR can be refused once, and the kernel then opens without asking and keeps its pages */
  readonly noOpen: boolean;
  readonly noOpendir: boolean;
  /** the reply, header included */
  readonly reply: Uint8Array;
}

/**
 * Answers the first request of a connection.
 *
 * @returns undefined where the bytes are no INIT of a kernel that this server can serve
 */
export function negotiate(request: Uint8Array): Negotiated | undefined {
  const header = decodeHeader(request);
  if (header === undefined || header.opcode !== Opcode.init || header.length < IN_HEADER + 16) return undefined;
  const body = new DataView(request.buffer, request.byteOffset + IN_HEADER, request.byteLength - IN_HEADER);
  const minor = Math.min(body.getUint32(4, true), MAX_MINOR);
  if (body.getUint32(0, true) !== MAJOR || minor < MIN_MINOR) return undefined;
  const flags = body.getUint32(12, true) & WANTED;
  const extended = (flags & FLAG.initExtended) !== 0 && body.byteLength >= 20;
  const flags2 = extended ? body.getUint32(16, true) & WANTED_2 : 0;

  const reply = new Uint8Array(INIT_OUT);
  const out = new DataView(reply.buffer);
  out.setUint32(0, MAJOR, true);
  out.setUint32(4, minor, true);
  out.setUint32(8, body.getUint32(8, true), true);
  out.setUint32(12, flags, true);
  out.setUint16(16, MAX_BACKGROUND, true);
  out.setUint16(18, CONGESTION, true);
  out.setUint32(20, MAX_WRITE, true);
  out.setUint32(24, 1, true);
  out.setUint16(28, MAX_READ / PAGE, true);
  out.setUint32(32, flags2, true);
  return {
    minor,
    noOpen: (flags & FLAG.noOpen) !== 0,
    noOpendir: (flags & FLAG.noOpendir) !== 0,
    reply: Buffer.concat([encodeReplyHeader(header.unique, 0, INIT_OUT), reply]),
  };
}
