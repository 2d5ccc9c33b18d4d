import { createHash } from "node:crypto";
import type { JsonObject } from "../../system/index.ts";
import type { EventLog } from "../eventlog/index.ts";
import type { Claims, PlatformIdentifier } from "../tee.ts";
import { anchorId } from "./anchors.ts";
import type { PckChain } from "./chain.ts";
import { eventLogMembers } from "./event-log.ts";
import { readU32 } from "./layout.ts";
import type { PckFacts } from "./pck.ts";
import type { Quote } from "./quote.ts";
import { TCB_STATUS_CODES } from "./tcb.ts";
import type { TdReport } from "./td-report.ts";
import { rfc3339 } from "./validity.ts";
import type { QuoteVerdict } from "./verify.ts";

/** Any of bits 0 to 7 of TDATTRIBUTES makes the TD one that the host can look into (tdx.md §1.3; security.md F2). */
const UNTRUSTED_ATTRIBUTES = 0xff;

/** Bits of TDATTRIBUTES by their claim name. */
const ATTRIBUTE_BITS = { debug: 0, septve_disable: 28, protection_keys: 30, key_locker: 31, perfmon: 63 } as const;

/**
 * The claims of a verified TDX quote, under the names that both upstream families use (tdx.md §2.10). Everything in them is signed: by the
 * attestation key (quote), by the manufacturer (certificate, collateral), or is a date or an anchor that the verification itself looked at; what an
 * event log merely says stands under names that say so.
 *
 * @param now  seconds since 1970
 * @param log  the evidence's event log, after `verifyEventLog`; without it, no claim speaks of events
 */
export function tdxClaims(verdict: QuoteVerdict, report: TdReport, now: number, log?: EventLog): Claims {
  const reportData = report.reportData.toHex();
  const initData = report.mrConfigId.toHex();
  const { members, ...rest } = verdictClaims(verdict, now, (report.tdAttributes[0]! & UNTRUSTED_ATTRIBUTES) !== 0);
  return {
    ...rest,
    tee: "tdx",
    reportData,
    initData,
    members: {
      quote: quoteClaims(verdict.quote, report),
      td_attributes: attributeClaims(report.tdAttributes),
      report_data: reportData,
      init_data: initData,
      ...(log !== undefined && eventLogMembers(log)),
      ...members,
    },
  };
}

/** What the claims of TDX and of SGX have in common: the manufacturer's word on the platform, the anchor, and what the floor looks at. */
export function verdictClaims(
  verdict: QuoteVerdict,
  now: number,
  debug: boolean,
): Pick<Claims, "class" | "simulated" | "trustAnchor" | "members" | "floor" | "currentUntil" | "identifiers"> {
  const { chain, tcb, validity } = verdict;
  const trustAnchor = anchorId(chain.anchor.certificate);
  const { simulated } = chain.anchor;
  return {
    class: "cpu",
    simulated,
    trustAnchor,
    members: { ...appraisalClaims(verdict), tcb_verification: openanolisClaims(verdict), trust_anchor: trustAnchor, simulated },
    floor: {
      debug,
      collateralExpiredFor: Math.max(0, Math.ceil(now - validity.earliestExpiration)),
      tcbStatus: tcb.launch.status,
    },
    currentUntil: validity.earliestExpiration,
    identifiers: machineIdentifiers(chain),
  };
}

/** What the machine's certificate names it by. */
function machineIdentifiers({ leaf, facts }: PckChain): PlatformIdentifier[] {
  return [
    { kind: "ppid", value: facts.ppid.toHex() },
    { kind: "pck-serial", value: leaf.serial.toString(16) },
    ...(facts.platformInstanceId === undefined ? [] : [{ kind: "platform-instance" as const, value: facts.platformInstanceId.toHex() }]),
  ];
}

function quoteClaims({ header, bodyHeader }: Quote, report: TdReport): JsonObject {
  return {
    header: {
      version: header.version.toHex(),
      att_key_type: header.attestationKeyType.toHex(),
      tee_type: header.teeType.toHex(),
      reserved: header.reserved.toHex(),
      vendor_id: header.vendorId.toHex(),
      user_data: header.userData.toHex(),
    },
    ...(bodyHeader !== undefined && { type: bodyHeader.type.toHex(), size: bodyHeader.size.toHex() }),
    body: {
      tcb_svn: report.teeTcbSvn.toHex(),
      mr_seam: report.mrSeam.toHex(),
      mrsigner_seam: report.mrSignerSeam.toHex(),
      seam_attributes: report.seamAttributes.toHex(),
      td_attributes: report.tdAttributes.toHex(),
      xfam: report.xfam.toHex(),
      mr_td: report.mrTd.toHex(),
      mr_config_id: report.mrConfigId.toHex(),
      mr_owner: report.mrOwner.toHex(),
      mr_owner_config: report.mrOwnerConfig.toHex(),
      rtmr_0: report.rtmr0.toHex(),
      rtmr_1: report.rtmr1.toHex(),
      rtmr_2: report.rtmr2.toHex(),
      rtmr_3: report.rtmr3.toHex(),
      report_data: report.reportData.toHex(),
      ...(report.later !== undefined && {
        tee_tcb_svn2: report.later.teeTcbSvn2.toHex(),
        mr_servicetd: report.later.mrServiceTd.toHex(),
      }),
    },
  };
}

/** The attributes of a TD by their claim names. @param attributes  8 bytes, little-endian */
export function attributeClaims(attributes: Uint8Array): JsonObject {
  const isSet = (bit: number): boolean => ((attributes[bit >> 3]! >> (bit & 7)) & 1) === 1;
  return Object.fromEntries(Object.entries(ATTRIBUTE_BITS).map(([name, bit]) => [name, isSet(bit)]));
}

/** The flat claims of the Confidential Containers family. */
function appraisalClaims({ tcb, validity, tcbInfo, qeIdentity, lists, chain }: QuoteVerdict): JsonObject {
  const { facts, root } = chain;
  return {
    tcb_status: tcb.launch.status,
    tcb_date: rfc3339(tcb.launch.date),
    advisory_ids: tcb.launch.advisories,
    tcb_status_current: tcb.current.status,
    tcb_date_current: rfc3339(tcb.current.date),
    advisory_ids_current: tcb.current.advisories,
    earliest_issue_date: rfc3339(validity.earliestIssue),
    latest_issue_date: rfc3339(validity.latestIssue),
    earliest_expiration_date: rfc3339(validity.earliestExpiration),
    collateral_expiration_status: validity.expired ? "1" : "0",
    tcb_eval_num: Math.min(tcbInfo.evaluationNumber, qeIdentity.evaluationNumber),
    pck_crl_num: Number(lists.pck.number),
    root_ca_crl_num: Number(lists.root.number),
    root_key_id: createHash("sha384").update(root.publicKey.point!).digest("hex"),
    platform_provider_id: facts.ppid.toHex(),
    sgx_type: facts.sgxType,
    ...(facts.platformInstanceId !== undefined && { platform_instance_id: facts.platformInstanceId.toHex() }),
    ...(facts.sgxType !== "Standard" && configurationClaims(facts)),
  };
}

function configurationClaims({ configuration: { dynamicPlatform, cachedKeys, smtEnabled } }: PckFacts): JsonObject {
  return {
    ...(dynamicPlatform !== undefined && { is_dynamic_platform: dynamicPlatform }),
    ...(cachedKeys !== undefined && { is_cached_keys: cachedKeys }),
    ...(smtEnabled !== undefined && { is_smt_enabled: smtEnabled }),
  };
}

/** The object of the openanolis family. */
function openanolisClaims({ quote, tcb, validity, tcbInfo, qeIdentity }: QuoteVerdict): JsonObject {
  return {
    tcb_status: tcb.launch.status,
    tcb_status_code: TCB_STATUS_CODES[tcb.launch.status],
    collateral_expired: validity.expired,
    earliest_issue_date: rfc3339(validity.earliestIssue),
    latest_issue_date: rfc3339(validity.latestIssue),
    earliest_expiration_date: rfc3339(validity.earliestExpiration),
    tcb_level_date_tag: tcb.launch.date,
    tcb_eval_ref_num: Math.min(tcbInfo.evaluationNumber, qeIdentity.evaluationNumber),
    advisory_ids: tcb.launch.advisories.join(","),
    tee_type: readU32(quote.header.teeType),
  };
}
