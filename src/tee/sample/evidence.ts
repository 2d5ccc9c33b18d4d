import { z } from "zod";
import { decodeBase64, decodeHex } from "../../crypto/index.ts";
import { CaiError, type JsonValue } from "../../system/index.ts";
import { MAX_LOG_BYTES } from "../eventlog/index.ts";

/** Evidence of a sample attester, which nothing signs (trustee.md §6.5): with a register in the openanolis family, without in the other. */
export interface SampleEvidence {
  /** the security version that the attester claims, as its text */
  readonly svn: string;
  readonly reportData: Uint8Array;
  /** 32 bytes */
  readonly register?: Uint8Array;
  /** of that register; absent where the evidence has none, or an empty one */
  readonly eventLog?: Uint8Array;
}

const REGISTER_SIZE = 32;
/** Base64 of more bytes than any report data has. */
const MAX_REPORT_DATA_TEXT = 128;
/** Base64 of the largest event log. */
const MAX_LOG_TEXT = Math.ceil(MAX_LOG_BYTES / 3) * 4;

const device = z.object({ svn: z.string().max(64), report_data: z.string().max(MAX_REPORT_DATA_TEXT).default("") });
const machine = device.extend({
  measure_register: z
    .string()
    .max(2 * REGISTER_SIZE)
    .nullish(),
  cc_eventlog: z.string().max(MAX_LOG_TEXT).nullish(),
});

/** @throws CaiError `sample.evidence-malformed` */
export function readSampleEvidence(evidence: JsonValue): SampleEvidence {
  const { measure_register: register, cc_eventlog: log, ...rest } = parse(machine, evidence);
  if (log && typeof register !== "string") throw malformed("measure_register", "nothing, though there is a cc_eventlog");
  return {
    svn: rest.svn,
    reportData: decoded("report_data", rest.report_data, decodeBase64),
    ...(typeof register === "string" && { register: readRegister(register) }),
    ...(log && { eventLog: decoded("cc_eventlog", log, decodeBase64) }),
  };
}

/** @throws CaiError `sample.evidence-malformed` */
export function readSampleDeviceEvidence(evidence: JsonValue): Pick<SampleEvidence, "svn" | "reportData"> {
  const { svn, report_data } = parse(device, evidence);
  return { svn, reportData: decoded("report_data", report_data, decodeBase64) };
}

function parse<Schema extends z.ZodType>(schema: Schema, evidence: JsonValue): z.output<Schema> {
  const parsed = schema.safeParse(evidence);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw malformed(issue?.path.join("/") ?? "", issue?.message ?? "another value", parsed.error);
}

function readRegister(text: string): Uint8Array {
  const register = decoded("measure_register", text, decodeHex);
  if (register.length !== REGISTER_SIZE) throw malformed("measure_register", `${register.length} bytes`);
  return register;
}

function decoded(member: string, text: string, decode: (text: string) => Uint8Array): Uint8Array {
  try {
    return decode(text);
  } catch (cause) {
    throw malformed(member, "text of another encoding", cause);
  }
}

function malformed(where: string, got: string, cause?: unknown): CaiError {
  const expected =
    '{"svn": text, "report_data": base64, "measure_register": 32 bytes in hexadecimal, "cc_eventlog": base64 or null}, the last two optional';
  return new CaiError("sample.evidence-malformed", `sample evidence, /${where}: expected ${expected}, got ${got}`, {
    expected,
    got,
    cause,
  });
}
