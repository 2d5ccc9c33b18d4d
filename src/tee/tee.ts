import type { HashAlgorithm } from "../protocol/index.ts";
import type { JsonObject, JsonValue } from "../system/index.ts";

/** The platforms this program knows, by the name that the KBS protocol gives them (trustee.md §1.3). */
export type TeeName = "sample" | "sampledevice" | "sgx" | "tdx";

/** The classes of platforms and devices (trustee.md §1.3). */
export type TeeClass = "cpu" | "gpu" | "switch" | "ppcie" | "dpu" | "dcu";

/** What a verifier compares the evidence with: values that the caller computed itself, never ones that came with the evidence. */
export interface Binding {
  /**
   * The report data that the evidence must carry, at most 64 bytes; shorter than the platform's field, it is zero-filled at the end
   * (trustee.md §1.7). Where the caller has none, nothing is compared, and the evidence is bound to nothing.
   */
  readonly reportData?: Uint8Array;
  /** the digest of the init data, where the caller was given init data; it is cut or zero-filled at the end to the size of the platform's field */
  readonly initData?: Uint8Array;
}

/** One root that evidence may lead to. Production roots are compiled in; a simulated one is named by the operator (I13). */
export interface TrustAnchor {
  /** DER of the self-issued root certificate */
  readonly certificate: Uint8Array;
  readonly simulated: boolean;
}

/** The facts of one piece of evidence, after everything about it was verified. */
export interface Claims {
  readonly tee: TeeName;
  /** the class that names the token's submodule (`cpu0`); only class `cpu` may carry a key (I1) */
  readonly class: TeeClass;
  /** true where the evidence led to a simulated anchor; also stands in `members` (I11) */
  readonly simulated: boolean;
  /** lower-case SHA-256 hex of the anchor's subject public key info; also stands in `members`. null where nothing is signed */
  readonly trustAnchor: string | null;
  /** the report data in the evidence as the platform's claims spell it: lower-case hex, base64 of `sample` */
  readonly reportData: string;
  /** lower-case hex of the field that binds init data; null where the platform has none, so that no claim may come from init data (I18) */
  readonly initData: string | null;
  /** the platform's own claims (trustee.md §6); {@link platformMembers} of them stand under its name in the token */
  readonly members: JsonObject;
  /** what the floor looks at, whatever the policies say (security.md §4) */
  readonly floor: FloorFacts;
  /** seconds since 1970 from which on the collateral counts as expired; absent where the platform has none */
  readonly currentUntil?: number;
  /** what names this machine, for deny rows (security.md I16) */
  readonly identifiers?: readonly PlatformIdentifier[];
}

/**
 * @returns what stands under the platform's name in a token and in a policy's input: report data and init data, where verifiers emit them, stand
 *   beside it instead (trustee.md §5.2)
 */
export function platformMembers({ members }: Pick<Claims, "members">): JsonObject {
  const { report_data: _reportData, init_data: _initData, ...rest } = members;
  return rest;
}

/** What may name a machine. Its measurements and init data are not among these: they are claims already. */
export type IdentifierKind = "ppid" | "platform-instance" | "pck-serial" | "chip-id" | "csv-cek" | "csv-pek";

/** One name of a machine, of the kind that it is. */
export interface PlatformIdentifier {
  readonly kind: IdentifierKind;
  /** lower-case hex */
  readonly value: string;
}

/** The platform-independent facts that the floor decides on. */
export interface FloorFacts {
  /** a debug bit or one of its kind is set: the host can read the guest */
  readonly debug: boolean;
  /** seconds that the collateral is past its earliest expiry; 0 while it is current */
  readonly collateralExpiredFor: number;
  /** the platform's standing in its manufacturer's words, for example `UpToDate` */
  readonly tcbStatus: string;
}

/** Checks the evidence of one platform. */
export interface Verifier {
  readonly tee: TeeName;
  /** what the runtime data of the platform's evidence are hashed with, where guests are told to take another algorithm than SHA-384 (trustee.md §1.5) */
  readonly runtimeDataHash?: HashAlgorithm;
  /**
   * @param evidence  the platform's evidence as it came over the wire, unparsed
   * @param binding   what the evidence must be bound to
   * @param anchors   the roots to trust
   * @param now       seconds since 1970; a verifier has no clock
   * @returns claims; never false
   * @throws CaiError `<tee>.<reason>`: the first check that failed, with what it expected and got
   */
  verify(evidence: JsonValue, binding: Binding, anchors: readonly TrustAnchor[], now: number): Promise<Claims>;
  /**
   * Names what is the same each time that one machine attests: its certificates, its event log. Where that was verified before, verifying the rest
   * takes no time to speak of. Nothing but where to verify is decided by it.
   *
   * @returns a digest, or undefined where the evidence is not of the platform's form
   */
  recurring?(evidence: JsonValue): string | undefined;
}

/** Gets evidence of the machine that it runs on. */
export interface Attester {
  readonly tee: TeeName;
  /** true where the attester's evidence comes from a simulated platform */
  readonly simulated: boolean;
  detect(): Promise<boolean>;
  /**
   * @param reportData  64 bytes
   * @returns the platform's evidence as the KBS protocol carries it
   */
  evidence(reportData: Uint8Array): Promise<JsonObject>;
  /**
   * Extends a runtime measurement register, where the platform has such.
   *
   * @param register  the platform's own number: 0 to 3 for RTMR0 to RTMR3 of TDX
   * @param digest    as long as the register, 48 bytes for TDX
   * @param event     what a platform that keeps a log of its own records with it; elsewhere the caller keeps the log
   */
  extend?(register: number, digest: Uint8Array, event?: LoggedEvent): Promise<void>;
}

/** What an event log says of an extension: the type as TCG numbers it, and the event's data. */
export interface LoggedEvent {
  readonly type: number;
  readonly data: Uint8Array;
}
