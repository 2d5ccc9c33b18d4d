import { type AssuranceLevel, assurance } from "../../../policy/index.ts";
import type { JsonObject, JsonValue } from "../../../system/index.ts";
import type { Claims } from "../../../tee/index.ts";
import type { NewReference } from "../references.ts";
import { annotatedEvidence } from "./judgement.ts";

/** What verified evidence teaches about the machine that made it. */
export interface Lesson {
  /** the values that attestation policies compare, each as the only allowed one */
  readonly references: readonly NewReference[];
  /** the level that evidence with exactly these values reaches (security.md §1.4) */
  readonly level: AssuranceLevel;
  /** what these values say nothing about, in sentences */
  readonly notMeasured: readonly string[];
  /** what names the machine: a measurement says what runs, not where (security.md §5) */
  readonly machine: JsonObject;
}

/** The claims that are proposed: those that stay the same from start to start, and that the templates ask for. */
const PROPOSED: Readonly<Record<string, readonly (readonly string[])[]>> = {
  tdx: ["mr_td", "rtmr_0", "rtmr_1", "rtmr_2"].map((register) => ["quote", "body", register]),
  sgx: [
    ["body", "mr_enclave"],
    ["body", "cpu_svn"],
    ["header", "pce_svn"],
  ],
};

/**
 * Proposes reference values from evidence of which everything was verified and that runs without debug: what `judge` accepted.
 *
 * @throws TypeError for a platform whose evidence is not verified offline
 */
export function learn(claims: Claims): Lesson {
  const places = PROPOSED[claims.tee];
  if (places === undefined) throw new TypeError(`no measurements of ${claims.tee} are known`);
  const references = places.flatMap((place): NewReference[] => {
    const value = memberAt(claims.members, place);
    return typeof value === "string" && value !== "" ? [{ name: `${claims.tee}.${place.at(-1)}`, value: [value] }] : [];
  });
  const values = Object.fromEntries(references.map(({ name, value }) => [name, value]));
  const level = assurance(annotatedEvidence(claims, {}), values);
  const machine = Object.fromEntries(
    (claims.identifiers ?? []).filter(({ kind }) => kind !== "pck-serial").map(({ kind, value }) => [kind, value]),
  );
  return { references, level, notMeasured: claims.tee === "tdx" ? tdxGaps(claims) : SGX_GAPS, machine };
}

const SGX_GAPS: readonly string[] = [
  "An enclave has no boot to compare: what it is given, and what runs around it, is not in these values.",
];

function tdxGaps({ members, initData }: Claims): string[] {
  const measured = memberAt(members, ["measured"]);
  const runtime = memberAt(members, ["measured", "runtime_events"]);
  const register = memberAt(members, ["quote", "body", "rtmr_3"]);
  const used = typeof register === "string" && !/^0*$/.test(register);
  return [
    rootFileSystem(measured),
    /^0*$/.test(initData ?? "")
      ? "Configuration: the machine started without init data, so user data, trustee address and mounted models are the host's choice."
      : "Configuration: init data is bound to the machine (tdx.quote.body.mr_config_id), but not among these values; a policy must compare it.",
    used
      ? `What ran later: RTMR3 has ${Array.isArray(runtime) ? `${runtime.length} events` : "events that nothing proves"}; it differs from start to start and is not among these values.`
      : "What ran later: nothing was recorded in RTMR3, so which model or trustee the machine used is not known.",
    ...(measured === undefined
      ? ["Parts of the boot: the evidence brings no event log, so the registers say only that something changed."]
      : []),
    ...(measured !== undefined && memberAt(members, ["measured", "secure_boot"]) !== true
      ? ["Secure boot: the log does not prove that it is on; the registers hold what was started, not who signed it."]
      : []),
    "The TDX module and the processor's firmware: their standing is the manufacturer's word (tcb_status), no value here pins them.",
  ];
}

/** A hash in the command line is what a measured initrd may check; that it does is nobody's claim (security.md §1.4, L2). */
function rootFileSystem(measured: JsonValue | undefined): string {
  const texts = memberAt(measured, ["texts"]);
  const lines = typeof texts === "object" && texts !== null ? Object.values(texts as JsonObject) : [];
  const hashed = lines.some((text) => typeof text === "string" && /\b(?:roothash|verity\.\w*hash|fde_rootfs_hash)=/.test(text));
  return hashed
    ? "Root file system: the measured command line has a root hash, which rtmr_2 covers; that the initrd enforces it is yours to know."
    : "Root file system: no measured command line with a root hash is known, so it may be another one.";
}

function memberAt(value: JsonValue | undefined, path: readonly string[]): JsonValue | undefined {
  return path.reduce<JsonValue | undefined>((of, name) => {
    if (typeof of !== "object" || of === null || Array.isArray(of) || !Object.hasOwn(of, name)) return undefined;
    return (of as JsonObject)[name];
  }, value);
}
