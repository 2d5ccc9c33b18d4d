import { z } from "zod";
import { bundleMembers, type Collateral, malformed, parseCollateralJson, readBundle, readCollateralJson } from "../collateral.ts";
import type { QuotedTee } from "../refusal.ts";
import { rfc3339 } from "../validity.ts";
import type { CollateralFacts } from "./authentic.ts";
import { readIntelStruct } from "./intel-struct.ts";
import { readPccsFile } from "./pccs-file.ts";
import type { CollateralSubject, CollateralUpdate } from "./pcs.ts";

/** What one file holds at most: characters, and sets. */
export const MAX_FILE = 16 * 1024 * 1024;
const MAX_SETS = 1024;

/** One set of a file, and what it says of itself. Nothing of it is verified. */
export interface FileSet {
  readonly collateral: Collateral;
  /** what the TCB info says that it is of; undefined where it cannot be read */
  readonly about: { readonly tee: QuotedTee; readonly fmspc: string } | undefined;
  /** undefined where the file does not say */
  readonly ca?: "platform" | "processor";
  readonly update?: CollateralUpdate;
}

const labels = z.object({
  tee: z.enum(["tdx", "sgx"]),
  fmspc: z.string().regex(/^[0-9a-f]{12}$/),
  ca: z.enum(["platform", "processor"]),
  update: z.union([z.enum(["standard", "early"]), z.int().min(0).max(0xffffffff)]),
});
const manySchema = z.object({ cai_collateral: z.literal(1), sets: z.array(z.unknown()).max(MAX_SETS) });

/**
 * Reads a file of collateral: a bundle, many in one file as {@link formatCollateralFile} writes them, the file of the PCCS administration tool, or
 * Intel's structure as JSON (tdx.md §2.9).
 *
 * @throws CaiError `tdx.collateral-malformed`, naming the place
 */
export function parseCollateralFile(text: string): FileSet[] {
  const json = parseCollateralJson(text, MAX_FILE);
  const has = (name: string): boolean => typeof json === "object" && json !== null && Object.hasOwn(json, name);
  if (has("cai_collateral")) return readCollateralJson(manySchema, json, "").sets.map((set, index) => labelled(set, `/sets/${index}`));
  if (has("collaterals")) return bounded(readPccsFile(json)).map((set) => ({ ...set, about: aboutOf(set.collateral) }));
  const collateral = has("major_version") ? readIntelStruct(json) : readBundle(json);
  return [{ collateral, about: aboutOf(collateral) }];
}

/**
 * The sets of a file that may be the wanted one; the only set of a file always may, so that whoever looks into it says what is wrong with it.
 *
 * @param update  the edition that is wanted; undefined: any
 */
export function fittingSets(
  sets: readonly FileSet[],
  { tee, fmspc, ca }: CollateralSubject,
  update?: CollateralUpdate,
): readonly FileSet[] {
  if (sets.length === 1) return sets;
  const isWanted = (edition = update): boolean => update === undefined || edition === update;
  return sets.filter((set) => set.about?.tee === tee && set.about.fmspc === fmspc && (set.ca ?? ca) === ca && isWanted(set.update));
}

function labelled(json: unknown, where: string): FileSet {
  const { tee, fmspc, ca, update } = readCollateralJson(labels, json, where);
  const collateral = readBundle(json, where);
  const about = aboutOf(collateral);
  if (about?.tee !== tee || about.fmspc !== fmspc) {
    const got = about === undefined ? "nothing that can be read" : `${about.tee}, ${about.fmspc}`;
    throw malformed(`${where}/tcb_info`, `TCB info of what the set is labelled with, ${tee}, ${fmspc}`, got);
  }
  return { collateral, about, ca, update };
}

function bounded<T>(sets: readonly T[]): readonly T[] {
  if (sets.length > MAX_SETS) throw malformed("/collaterals", `at most ${MAX_SETS} sets`, `${sets.length}`);
  return sets;
}

/** What TCB info says of itself before anything is verified: good for choosing among sets, and for nothing else. Version 2 is of SGX and has no id. */
function aboutOf({ tcbInfo }: Collateral): FileSet["about"] {
  try {
    const { id = "SGX", fmspc } = z.object({ id: z.enum(["TDX", "SGX"]).optional(), fmspc: z.string() }).parse(JSON.parse(tcbInfo));
    return { tee: id === "TDX" ? "tdx" : "sgx", fmspc: fmspc.toLowerCase() };
  } catch {
    return undefined;
  }
}

/** A verified set on its way into a file. */
export interface LabelledSet {
  readonly collateral: Collateral;
  readonly facts: CollateralFacts;
  readonly update: CollateralUpdate;
  /** where it came from, and when; seconds since 1970 */
  readonly origin: string;
  readonly fetched: number;
}

/** Writes sets into one file that {@link parseCollateralFile} reads back. What it adds to the bundles is for people; nobody signed it. */
export function formatCollateralFile(sets: readonly LabelledSet[]): string {
  const entries = sets.map(({ collateral, facts: { tee, fmspc, ca }, update, origin, fetched }) => ({
    ...{ tee, fmspc, ca, update, origin, fetched: rfc3339(fetched) },
    ...bundleMembers(collateral),
  }));
  return `${JSON.stringify({ cai_collateral: 1, sets: entries }, null, 1)}\n`;
}
