import { z } from "zod";
import type { JsonValue } from "../../system/index.ts";
import type { IdentifierKind, PlatformIdentifier } from "../../tee/index.ts";
import { ROOT_REALM, realmKey, rowsOfRealm, type Store } from "./store/index.ts";

/** What a deny row may name: a machine by one of its names, or what runs on it (security.md I16). */
const DENIAL_KINDS = [
  "ppid",
  "platform-instance",
  "pck-serial",
  "chip-id",
  "csv-cek",
  "csv-pek",
  "measurement",
  "init-data",
  "trustee",
] as const satisfies readonly (IdentifierKind | "measurement" | "init-data" | "trustee")[];
type DenialKind = (typeof DENIAL_KINDS)[number];

const HEX = /^[0-9a-f]{2,256}$/;
const TRUSTEE = /^(?:tid:[A-Za-z0-9_-]{43}|spki:sha256:[A-Za-z0-9_-]{43})$/;

/** What a deny row names, as an administrator sends it; hex may be in either case. */
export const denialName = z
  .strictObject({ kind: z.enum(DENIAL_KINDS), value: z.string().max(256) })
  .transform(({ kind, value }) => ({ kind, value: kind === "trustee" ? value : value.toLowerCase() }))
  // Leading zeros of a serial number are none of its digits.
  .transform(({ kind, value }) => ({ kind, value: kind === "pck-serial" ? value.replace(/^0+(?=.)/, "") : value }))
  .refine(
    ({ kind, value }) =>
      kind === "trustee" ? TRUSTEE.test(value) : kind === "pck-serial" ? /^[0-9a-f]{1,40}$/.test(value) : HEX.test(value),
    "expected hexadecimal, or tid:… for a trustee",
  );

/** One deny row. */
export interface Denial {
  readonly kind: DenialKind;
  readonly value: string;
  /** for the operator only */
  readonly reason?: string;
  /** seconds since 1970 */
  readonly time: number;
}

/** A piece of evidence, by what may be denied of it. */
export interface DeniableEvidence {
  readonly identifiers: readonly PlatformIdentifier[];
  /** lower-case hex of the field that binds init data, zero-filled at the end */
  readonly initData: string;
  /** the platform's claims: a measurement, and a trustee that the guest turned to (security.md §3.5), is denied wherever it stands in them */
  readonly members: JsonValue;
}

/** The deny rows of a store. Those of the root realm hold everywhere. */
export class Denials {
  readonly #store: Store;
  #rows: ReadonlyMap<string, string> | undefined;
  readonly #lists = new Map<string, readonly Denial[]>();

  constructor(store: Store) {
    this.#store = store;
  }

  /** @returns the rows of one realm, without those that hold everywhere */
  async of(realm: string): Promise<readonly Denial[]> {
    const rows = await this.#store.rows("denials");
    if (rows !== this.#rows) this.#lists.clear();
    this.#rows = rows;
    // Rows of the store are the program's own words: what others wrote does not pass the MAC.
    const list = this.#lists.get(realm) ?? [...rowsOfRealm(rows, realm).values()].map((text) => JSON.parse(text) as Denial);
    this.#lists.set(realm, list);
    return list;
  }

  /** @returns the rows that hold in a realm */
  async inForce(realm: string): Promise<readonly Denial[]> {
    const everywhere = await this.of(ROOT_REALM);
    return realm === ROOT_REALM ? everywhere : [...everywhere, ...(await this.of(realm))];
  }

  /** Adds a row; what was said of the same name before is replaced. */
  async add(realm: string, denial: Denial, limit: (rows: number) => void): Promise<void> {
    await this.#store.change(["denials"], ({ denials }) => {
      limit(rowsOfRealm(denials, realm).size);
      return { denials: { put: [[keyOf(realm, denial), JSON.stringify(denial)]] } };
    });
  }

  /** @returns whether there was one */
  async remove(realm: string, denial: Pick<Denial, "kind" | "value">): Promise<boolean> {
    return (await this.#store.change(["denials"], () => ({ denials: { remove: [keyOf(realm, denial)] } }))) > 0;
  }
}

function keyOf(realm: string, { kind, value }: Pick<Denial, "kind" | "value">): string {
  return realmKey(realm, `${kind}/${value}`);
}

/** @returns the first row that names this evidence, or undefined */
export function denialOf(rows: readonly Denial[], evidence: DeniableEvidence): Denial | undefined {
  let texts: ReadonlySet<string> | undefined;
  return rows.find(({ kind, value }) => {
    if (kind === "init-data") return evidence.initData.startsWith(value) && /^0*$/.test(evidence.initData.slice(value.length));
    if (kind === "measurement" || kind === "trustee") {
      texts ??= textsIn(evidence.members);
      return texts.has(value.toLowerCase());
    }
    return evidence.identifiers.some((each) => each.kind === kind && each.value === value);
  });
}

/** Every text in a value, in lower case. */
function textsIn(value: JsonValue, into = new Set<string>()): ReadonlySet<string> {
  if (typeof value === "string") into.add(value.toLowerCase());
  else if (typeof value === "object" && value !== null) for (const member of Object.values(value)) textsIn(member as JsonValue, into);
  return into;
}
