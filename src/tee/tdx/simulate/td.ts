import { createHash, randomBytes } from "node:crypto";
import { closeSync, fstatSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { z } from "zod";
import { CaiError, type JsonObject } from "../../../system/index.ts";
import type { Attester } from "../../tee.ts";
import { hexField } from "../document-fields.ts";
import { formatEvidence } from "../evidence.ts";
import { SEED_SIZE, SimulatedPlatform } from "./platform.ts";

const MAX_STATE = 64 * 1024;
const RTMR_COUNT = 4;

/** A simulated TD: the platform that it runs on and what was measured into it. Several processes can be the same TD by sharing its state. */
export interface SimulatedTd {
  /** 32 bytes; the platform's secret */
  readonly seed: Uint8Array;
  /** seconds since 1970 */
  readonly created: number;
  readonly quoteVersion: 4 | 5;
  /** 48 bytes */
  readonly mrTd: Uint8Array;
  /** RTMR0 to RTMR3, 48 bytes each */
  readonly rtmrs: readonly Uint8Array[];
  /** 48 bytes: the digest of the init data, zero-filled at the end */
  readonly mrConfigId: Uint8Array;
  /** 8 bytes, little-endian; bit 0 is DEBUG */
  readonly tdAttributes: Uint8Array;
}

export interface SimulatedTdOptions {
  /** 32 bytes */
  readonly seed: Uint8Array;
  /** seconds since 1970 */
  readonly now: number;
  /** names what runs in the TD: another name gives other measurements, as another image would */
  readonly software?: string;
  /** a TD that the host can look into; default false */
  readonly debug?: boolean;
  readonly mrConfigId?: Uint8Array;
  /** default 4 */
  readonly quoteVersion?: 4 | 5;
}

/**
 * Makes the state of a simulated TD. A tampered machine for a demonstration is the same seed with another `software`, or with `debug`: genuine for
 * its platform, wrong for its policy.
 */
export function createSimulatedTd(options: SimulatedTdOptions): SimulatedTd {
  const { seed, now, software = "reference", debug = false, mrConfigId = new Uint8Array(48), quoteVersion = 4 } = options;
  const measure = (register: string): Uint8Array =>
    new Uint8Array(createHash("sha384").update(`cai simulated TD\0${software}\0${register}`).digest());
  return {
    seed,
    created: Math.floor(now),
    quoteVersion,
    mrTd: measure("mr_td"),
    // RTMR3 is for what happens at run time, and nothing has happened yet.
    rtmrs: [measure("rtmr_0"), measure("rtmr_1"), measure("rtmr_2"), new Uint8Array(48)],
    mrConfigId,
    tdAttributes: Uint8Array.of(debug ? 1 : 0, 0, 0, 0x10, 0, 0, 0, 0),
  };
}

const stateSchema = z
  .strictObject({
    kind: z.literal("cai simulated TD"),
    version: z.literal(1),
    seed: hexField(SEED_SIZE),
    created: z.int().min(0),
    quote_version: z.union([z.literal(4), z.literal(5)]),
    mr_td: hexField(48),
    rtmrs: z.array(hexField(48)).length(RTMR_COUNT),
    mr_config_id: hexField(48),
    td_attributes: hexField(8),
  })
  .transform(
    (state): SimulatedTd => ({
      seed: state.seed,
      created: state.created,
      quoteVersion: state.quote_version,
      mrTd: state.mr_td,
      rtmrs: state.rtmrs,
      mrConfigId: state.mr_config_id,
      tdAttributes: state.td_attributes,
    }),
  );

/** Writes the state to a file that only its owner can read; another process sees the old file or the new one, never a part. */
export function saveSimulatedTd(path: string, td: SimulatedTd): void {
  const text = JSON.stringify(
    {
      kind: "cai simulated TD",
      version: 1,
      seed: td.seed.toHex(),
      created: td.created,
      quote_version: td.quoteVersion,
      mr_td: td.mrTd.toHex(),
      rtmrs: td.rtmrs.map((rtmr) => rtmr.toHex()),
      mr_config_id: td.mrConfigId.toHex(),
      td_attributes: td.tdAttributes.toHex(),
    },
    null,
    2,
  );
  const unfinished = `${path}.${randomBytes(6).toHex()}`;
  try {
    const file = openSync(unfinished, "wx", 0o600);
    try {
      writeFileSync(file, `${text}\n`);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(unfinished, path);
  } catch (cause) {
    rmSync(unfinished, { force: true });
    throw new CaiError("cli.output-failed", `cannot write ${path}: ${cause instanceof Error ? cause.message : cause}`, { cause });
  }
}

/**
 * Reads a state that `saveSimulatedTd` wrote.
 *
 * @throws CaiError `cli.input-unreadable` where the file cannot be read, `tdx.simulated-state-invalid` where others than its owner may read it, or its
 *                  content is something else
 */
export function loadSimulatedTd(path: string): SimulatedTd {
  const text = readPrivate(path);
  try {
    return stateSchema.parse(JSON.parse(text));
  } catch (cause) {
    // The parser's own message would quote the text, and the seed with it.
    const issue = cause instanceof z.ZodError ? cause.issues[0] : undefined;
    const got = issue === undefined ? "text that is no JSON" : `another value at /${issue.path.join("/")}`;
    throw invalid(path, "the state of a simulated TD", got);
  }
}

function readPrivate(path: string): string {
  let file: number;
  try {
    file = openSync(path, "r");
  } catch (cause) {
    throw new CaiError("cli.input-unreadable", `cannot read ${path}: ${cause instanceof Error ? cause.message : cause}`, { cause });
  }
  try {
    const status = fstatSync(file);
    if (!status.isFile() || status.size > MAX_STATE) throw invalid(path, `a file of at most ${MAX_STATE} bytes`, "something else");
    const mode = status.mode & 0o777;
    if ((mode & 0o077) !== 0) throw invalid(path, "mode 0600", `mode 0${mode.toString(8)}`);
    return readFileSync(file, "utf8");
  } finally {
    closeSync(file);
  }
}

function invalid(path: string, expected: string, got: string): CaiError {
  return new CaiError("tdx.simulated-state-invalid", `${path}: expected ${expected}, got ${got}`, { expected, got });
}

/** The platform that a simulated TD runs on. @param now  when its collateral is issued, seconds since 1970; default: when the TD was created */
export const platformOf = (td: SimulatedTd, now: number = td.created): SimulatedPlatform =>
  SimulatedPlatform.create({ seed: td.seed, now });

/** Gets evidence of a simulated TD. Nothing chooses this attester by itself; an operator names it. */
export function simulatedTdxAttester(td: SimulatedTd): Attester {
  const platform = platformOf(td);
  const { mrTd, rtmrs, mrConfigId, tdAttributes, quoteVersion: version } = td;
  return {
    tee: "tdx",
    simulated: true,
    detect: async () => true,
    evidence: async (reportData: Uint8Array): Promise<JsonObject> =>
      formatEvidence(platform.quote({ reportData, mrTd, rtmrs, mrConfigId, tdAttributes, version })),
  };
}
