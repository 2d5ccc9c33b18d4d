import type { JsonObject } from "../../../system/index.ts";
import {
  type ComponentLevel,
  type QeIdentity,
  readUnverifiedQeIdentity,
  readUnverifiedTcbInfo,
  type TcbInfo,
} from "../../../tee/tdx/index.ts";
import type { Section } from "../report.ts";
import { type Artefact, type ArtefactKind, dateText, type Explanation, membersOf } from "./artefact.ts";

/** TCB info of a platform, as it is served or its inner object alone. */
export const tcbInfo: ArtefactKind = {
  name: "TCB info (JSON)",
  explain({ json }: Artefact): Explanation | undefined {
    const members = membersOf(json);
    const value = members?.["tcbInfo"] ?? (members && "fmspc" in members && "tcbLevels" in members ? members : undefined);
    if (value === undefined) return undefined;
    const info = readUnverifiedTcbInfo(value);
    return { kind: `${info.id} TCB info`, json: tcbInfoFacts(info), sections: tcbInfoSections(info) };
  },
};

/** Identity of a quoting enclave, as it is served or its inner object alone. */
export const qeIdentity: ArtefactKind = {
  name: "identity of a quoting enclave (JSON)",
  explain({ json }: Artefact): Explanation | undefined {
    const members = membersOf(json);
    const value = members?.["enclaveIdentity"] ?? (members && "isvprodid" in members && "mrsigner" in members ? members : undefined);
    if (value === undefined) return undefined;
    const identity = readUnverifiedQeIdentity(value);
    return { kind: `${identity.id} identity`, json: qeIdentityFacts(identity), sections: qeIdentitySections(identity) };
  },
};

const advisoriesText = (advisories: readonly string[]): string => advisories.join(", ");

const day = (seconds: number): string => dateText(seconds).slice(0, 10);

/** What a TCB info says, for programs: bytes in lower-case hexadecimal, dates as RFC 3339. */
export function tcbInfoFacts(info: TcbInfo): JsonObject {
  const signer = (of: { mrSigner: Uint8Array; attributes: Uint8Array; attributesMask: Uint8Array }): JsonObject => ({
    mrsigner: of.mrSigner.toHex(),
    attributes: of.attributes.toHex(),
    attributes_mask: of.attributesMask.toHex(),
  });
  return {
    id: info.id,
    fmspc: info.fmspc.toHex(),
    pce_id: info.pceId.toHex(),
    evaluation_data_number: info.evaluationNumber,
    issue_date: dateText(info.issueDate),
    next_update: dateText(info.nextUpdate),
    ...(info.module && { tdx_module: signer(info.module) }),
    tdx_module_identities: [...(info.moduleIdentities ?? [])].map(([id, identity]) => ({
      id,
      ...signer(identity),
      levels: identity.levels.map(componentLevelFacts),
    })),
    levels: info.levels.map((level) => ({
      status: level.status,
      date: dateText(level.date),
      sgx_components: level.sgxComponents,
      pce_svn: level.pceSvn,
      tdx_components: level.tdxComponents,
      advisory_ids: level.advisories,
    })),
  };
}

/** The same for people: the platform's levels and those of each TDX module. */
export function tcbInfoSections(info: TcbInfo): Section[] {
  return [
    {
      title: `${info.id} TCB info`,
      rows: [
        ["FMSPC", info.fmspc.toHex()],
        ["PCEID", info.pceId.toHex()],
        ["evaluation number", `${info.evaluationNumber}`],
        ["valid", `${dateText(info.issueDate)} to ${dateText(info.nextUpdate)}`],
      ],
    },
    {
      title: "Platform levels, highest first",
      rows: [
        ["status", "date", "SGX components", "PCESVN", ...(info.id === "TDX" ? ["TDX components"] : []), "advisories"],
        ...info.levels.map((level) => [
          level.status,
          day(level.date),
          level.sgxComponents.join(" "),
          `${level.pceSvn}`,
          ...(info.id === "TDX" ? [level.tdxComponents.join(" ")] : []),
          advisoriesText(level.advisories),
        ]),
      ],
    },
    ...[...(info.moduleIdentities ?? [])].map(([id, identity]) => componentSection(`TDX module ${id}`, identity.levels)),
  ];
}

/** What an identity of a quoting enclave says, in the forms of {@link tcbInfoFacts}. */
export function qeIdentityFacts(identity: QeIdentity): JsonObject {
  return {
    id: identity.id,
    evaluation_data_number: identity.evaluationNumber,
    issue_date: dateText(identity.issueDate),
    next_update: dateText(identity.nextUpdate),
    mrsigner: identity.mrSigner.toHex(),
    isv_prod_id: identity.isvProdId,
    misc_select: identity.miscSelect.toHex(),
    misc_select_mask: identity.miscSelectMask.toHex(),
    attributes: identity.attributes.toHex(),
    attributes_mask: identity.attributesMask.toHex(),
    levels: identity.levels.map(componentLevelFacts),
  };
}

/** The same for people. */
export function qeIdentitySections(identity: QeIdentity): Section[] {
  return [
    {
      title: `${identity.id} identity`,
      rows: [
        ["MRSIGNER", identity.mrSigner.toHex()],
        ["ISVPRODID", `${identity.isvProdId}`],
        ["ATTRIBUTES", `${identity.attributes.toHex()} under ${identity.attributesMask.toHex()}`],
        ["MISCSELECT", `${identity.miscSelect.toHex()} under ${identity.miscSelectMask.toHex()}`],
        ["evaluation number", `${identity.evaluationNumber}`],
        ["valid", `${dateText(identity.issueDate)} to ${dateText(identity.nextUpdate)}`],
      ],
    },
    componentSection("Levels, highest first", identity.levels),
  ];
}

const componentLevelFacts = ({ isvSvn, status, date, advisories }: ComponentLevel): JsonObject => ({
  isv_svn: isvSvn,
  status,
  date: dateText(date),
  advisory_ids: advisories,
});

const componentSection = (title: string, levels: readonly ComponentLevel[]): Section => ({
  title,
  rows: [
    ["from ISVSVN", "status", "date", "advisories"],
    ...levels.map(({ isvSvn, status, date, advisories }) => [`${isvSvn}`, status, day(date), advisoriesText(advisories)]),
  ],
});
