import { type Certificate, DerReader, TAG } from "../../crypto/index.ts";
import { CaiError } from "../../system/index.ts";

/** The extension of a PCK certificate that says which machine it is for (tdx.md §2.3). */
export const SGX_EXTENSION = "1.2.840.113741.1.13.1";
export const COMPONENT_COUNT = 16;

/** SGX types by their number. */
const SGX_TYPES = ["Standard", "Scalable", "Scalable with Integrity"] as const;

/** What a PCK certificate says of its machine. */
export interface PckFacts {
  /** 16 bytes: names the machine */
  readonly ppid: Uint8Array;
  /** security version numbers of the 16 components of the platform */
  readonly components: readonly number[];
  readonly pceSvn: number;
  /** 2 bytes */
  readonly pceId: Uint8Array;
  /** 6 bytes: the platform's family, model, stepping and type */
  readonly fmspc: Uint8Array;
  readonly sgxType: (typeof SGX_TYPES)[number];
  /** 16 bytes; certificates of the Platform CA only */
  readonly platformInstanceId: Uint8Array | undefined;
  /** undefined members are not in the certificate */
  readonly configuration: {
    readonly dynamicPlatform: boolean | undefined;
    readonly cachedKeys: boolean | undefined;
    readonly smtEnabled: boolean | undefined;
  };
}

/** @throws CaiError `crypto.der-malformed` where the SGX extension is missing or is not as tdx.md §2.3 describes */
export function readPck(certificate: Certificate): PckFacts {
  const extension = certificate.extensions.get(SGX_EXTENSION);
  if (extension === undefined) throw malformed("the SGX extension", "none");
  const entries = readPairs(extension.value, SGX_EXTENSION);
  const tcb = readPairs(required(entries, 2), `${SGX_EXTENSION}.2`);
  if (tcb.size !== COMPONENT_COUNT + 2) throw malformed(`${COMPONENT_COUNT + 2} TCB entries`, `${tcb.size}`);
  const components = Array.from({ length: COMPONENT_COUNT }, (_, index) => integer(required(tcb, index + 1), 255));
  octets(required(tcb, 18), 16);
  const instance = entries.get(6);
  const configuration = entries.get(7);
  const flags = configuration === undefined ? new Map<number, Uint8Array>() : readPairs(configuration, `${SGX_EXTENSION}.7`);
  const flag = (number: number): boolean | undefined => {
    const value = flags.get(number);
    return value && whole(value, (reader) => reader.boolean());
  };
  return {
    ppid: octets(required(entries, 1), 16),
    components,
    pceSvn: integer(required(tcb, 17), 0xffff),
    pceId: octets(required(entries, 3), 2),
    fmspc: octets(required(entries, 4), 6),
    sgxType: SGX_TYPES[integer(required(entries, 5), SGX_TYPES.length - 1, TAG.enumerated)]!,
    platformInstanceId: instance && octets(instance, 16),
    configuration: { dynamicPlatform: flag(1), cachedKeys: flag(2), smtEnabled: flag(3) },
  };
}

/** The values of a SEQUENCE of { OID below `base`, value } by the last arc of the OID: found by name, never by position. */
function readPairs(der: Uint8Array, base: string): ReadonlyMap<number, Uint8Array> {
  const pairs = new Map<number, Uint8Array>();
  const sequence = whole(der, (reader) => reader.enter(TAG.sequence));
  while (!sequence.atEnd) {
    const pair = sequence.enter(TAG.sequence);
    const oid = pair.oid();
    const value = pair.element().whole;
    pair.end();
    const [arc, ...deeper] = oid.startsWith(`${base}.`)
      ? oid
          .slice(base.length + 1)
          .split(".")
          .map(Number)
      : [];
    if (arc === undefined || deeper.length > 0 || pairs.has(arc)) throw malformed(`entries below ${base}, each once`, oid);
    pairs.set(arc, value);
  }
  return pairs;
}

function required(pairs: ReadonlyMap<number, Uint8Array>, arc: number): Uint8Array {
  const value = pairs.get(arc);
  if (value === undefined) throw malformed(`entry ${arc}`, "none");
  return value;
}

function whole<T>(der: Uint8Array, read: (reader: DerReader) => T): T {
  const reader = new DerReader(der, "SGX extension");
  const value = read(reader);
  reader.end();
  return value;
}

const integer = (der: Uint8Array, max: number, tag?: number): number => whole(der, (reader) => reader.small(max, tag));

function octets(der: Uint8Array, size: number): Uint8Array {
  const value = whole(der, (reader) => reader.octets());
  if (value.length !== size) throw malformed(`${size} bytes`, `${value.length}`);
  return value;
}

const malformed = (expected: string, got: string): CaiError =>
  new CaiError("crypto.der-malformed", `SGX extension: expected ${expected}, got ${got}`, { expected, got });
