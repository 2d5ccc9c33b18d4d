import { z } from "zod";
import {
  advisories,
  type ComponentLevel,
  componentLevels,
  dateField,
  hexField,
  PLATFORM_STATUSES,
  type PlatformStatus,
  svn8,
  svn16,
} from "./document-fields.ts";
import { COMPONENT_COUNT } from "./pck.ts";
import { JsonRefused } from "./signed-json.ts";

/** Who signed a TDX module, and which of its attributes must have which value. */
interface ModuleSigner {
  readonly mrSigner: Uint8Array;
  readonly attributes: Uint8Array;
  readonly attributesMask: Uint8Array;
}

/** A TDX module of one major version. */
export interface ModuleIdentity extends ModuleSigner {
  readonly levels: readonly ComponentLevel[];
}

/** One level of the platform: from these security version numbers on, this status. */
export interface PlatformLevel {
  readonly sgxComponents: readonly number[];
  readonly pceSvn: number;
  /** empty for SGX */
  readonly tdxComponents: readonly number[];
  /** seconds since 1970 */
  readonly date: number;
  readonly status: PlatformStatus;
  readonly advisories: readonly string[];
}

/** What the manufacturer says about the security versions of one kind of platform (tdx.md §2.4). */
export interface TcbInfo {
  readonly id: "TDX" | "SGX";
  /** seconds since 1970 */
  readonly issueDate: number;
  readonly nextUpdate: number;
  readonly fmspc: Uint8Array;
  readonly pceId: Uint8Array;
  readonly evaluationNumber: number;
  /** TDX only: what modules of major version 0 must be */
  readonly module: ModuleSigner | undefined;
  /** TDX only: modules of later major versions by their upper-case id, for example `TDX_01`; undefined where the document has no list */
  readonly moduleIdentities: ReadonlyMap<string, ModuleIdentity> | undefined;
  /** highest first */
  readonly levels: readonly PlatformLevel[];
  /** what the manufacturer calls the components, for people only; empty texts where it gives no name */
  readonly componentNames: { readonly sgx: readonly string[]; readonly tdx: readonly string[] };
}

const componentName = z.string().max(64).optional().catch(undefined);

const components = z.array(z.object({ svn: svn8, category: componentName, type: componentName })).length(COMPONENT_COUNT);

const signerFields = { mrsigner: hexField(48), attributes: hexField(8), attributesMask: hexField(8) };

const header = {
  issueDate: dateField,
  nextUpdate: dateField,
  fmspc: hexField(6),
  pceId: hexField(2),
  tcbType: z.literal(0),
  tcbEvaluationDataNumber: z.int().min(0).max(0xffffffff),
};

const levelFields = { tcbDate: dateField, tcbStatus: z.enum(PLATFORM_STATUSES), advisoryIDs: advisories };

const version3 = z.object({
  ...header,
  id: z.enum(["TDX", "SGX"]),
  version: z.literal(3),
  tdxModule: z.object(signerFields).optional(),
  tdxModuleIdentities: z
    .array(z.object({ ...signerFields, id: z.string().regex(/^TDX_[0-9A-Fa-f]{2}$/i), tcbLevels: componentLevels }))
    .min(1)
    .max(256)
    .optional(),
  tcbLevels: z
    .array(
      z.object({
        ...levelFields,
        tcb: z.object({ sgxtcbcomponents: components, pcesvn: svn16, tdxtcbcomponents: components.optional() }),
      }),
    )
    .min(1)
    .max(256),
});

/** Version 2 is of SGX only and gives each component a member of its own. */
const version2 = z.object({
  ...header,
  version: z.literal(2),
  tcbLevels: z
    .array(z.object({ ...levelFields, tcb: z.record(z.string(), z.unknown()) }))
    .min(1)
    .max(256)
    .transform((levels) => levels.map(({ tcb, ...level }) => ({ ...level, tcb: readVersion2Tcb(tcb) }))),
});

/** @throws ZodError, JsonRefused where the object is not as the manufacturer documents it */
export function readTcbInfo(value: unknown): TcbInfo {
  const version = z.object({ version: z.union([z.literal(2), z.literal(3)]) }).parse(value).version;
  const info = version === 3 ? version3.parse(value) : { ...version2.parse(value), id: "SGX" as const };
  const isTdx = info.id === "TDX";
  const module = "tdxModule" in info ? info.tdxModule : undefined;
  const identities = "tdxModuleIdentities" in info ? info.tdxModuleIdentities : undefined;
  if (isTdx !== (module !== undefined) || (!isTdx && identities !== undefined)) {
    throw new JsonRefused("tdxModule in TCB info of TDX, and only there", `id ${info.id} ${module === undefined ? "without" : "with"} it`);
  }
  const levels = info.tcbLevels.map(({ tcb, tcbDate, tcbStatus, advisoryIDs }): PlatformLevel => {
    const tdxComponents = "tdxtcbcomponents" in tcb ? tcb.tdxtcbcomponents : undefined;
    if (isTdx && tdxComponents === undefined) throw new JsonRefused("tdxtcbcomponents in each level of TDX", "none");
    return {
      sgxComponents: numbersOf(tcb.sgxtcbcomponents),
      pceSvn: tcb.pcesvn,
      tdxComponents: isTdx && tdxComponents !== undefined ? numbersOf(tdxComponents) : [],
      date: tcbDate,
      status: tcbStatus,
      advisories: advisoryIDs,
    };
  });
  return {
    id: info.id,
    issueDate: info.issueDate,
    nextUpdate: info.nextUpdate,
    fmspc: info.fmspc,
    pceId: info.pceId,
    evaluationNumber: info.tcbEvaluationDataNumber,
    module: module && signerOf(module),
    moduleIdentities: identities && readIdentities(identities),
    levels: sortLevels(levels),
    componentNames: namesIn(info.tcbLevels[0]?.tcb),
  };
}

interface Component {
  readonly svn: number;
  readonly category?: string | undefined;
  readonly type?: string | undefined;
}

const numbersOf = (components: readonly Component[]): readonly number[] => components.map(({ svn }) => svn);

/** The names that one level gives its components; all levels of a document give the same. */
function namesIn(tcb: { sgxtcbcomponents: readonly Component[]; tdxtcbcomponents?: readonly Component[] | undefined } | undefined) {
  const names = (list: readonly Component[] = []) => list.map(({ category, type }) => [category, type].filter(Boolean).join(" / "));
  return { sgx: names(tcb?.sgxtcbcomponents), tdx: names(tcb?.tdxtcbcomponents) };
}

function readVersion2Tcb(tcb: Readonly<Record<string, unknown>>): { sgxtcbcomponents: readonly Component[]; pcesvn: number } {
  const names = Array.from({ length: COMPONENT_COUNT }, (_, index) => `sgxtcbcomp${String(index + 1).padStart(2, "0")}svn`);
  return { sgxtcbcomponents: names.map((name) => ({ svn: svn8.parse(tcb[name]) })), pcesvn: svn16.parse(tcb["pcesvn"]) };
}

const signerOf = (entry: { mrsigner: Uint8Array; attributes: Uint8Array; attributesMask: Uint8Array }): ModuleSigner => ({
  mrSigner: entry.mrsigner,
  attributes: entry.attributes,
  attributesMask: entry.attributesMask,
});

function readIdentities(
  entries: readonly (Parameters<typeof signerOf>[0] & { id: string; tcbLevels: readonly ComponentLevel[] })[],
): ReadonlyMap<string, ModuleIdentity> {
  const identities = new Map<string, ModuleIdentity>();
  for (const entry of entries) {
    const id = entry.id.toUpperCase();
    if (identities.has(id)) throw new JsonRefused("each module identity once", `${id} twice`);
    identities.set(id, { ...signerOf(entry), levels: entry.tcbLevels });
  }
  return identities;
}

function sortLevels(levels: readonly PlatformLevel[]): readonly PlatformLevel[] {
  const tuple = (level: PlatformLevel): readonly number[] => [...level.sgxComponents, level.pceSvn, ...level.tdxComponents];
  const keyed = levels.map((level) => ({ level, key: tuple(level) }));
  if (new Set(keyed.map(({ key }) => key.join())).size !== levels.length) throw new JsonRefused("each TCB level once", "a duplicate");
  keyed.sort((a, b) => {
    const differing = a.key.findIndex((svn, index) => svn !== b.key[index]);
    return differing < 0 ? 0 : b.key[differing]! - a.key[differing]!;
  });
  return keyed.map(({ level }) => level);
}
