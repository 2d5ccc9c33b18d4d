import type { FloorFacts, ReferenceValues, TrustVector } from "../../src/policy/index.ts";
import type { JsonObject, JsonValue } from "../../src/system/index.ts";

const register = (digit: string) => digit.repeat(96);

/** Registers of a TD as claims show them (tdx.md §2.10). */
export const BODY = {
  mr_td: register("a"),
  mr_seam: register("b"),
  rtmr_0: register("0"),
  rtmr_1: register("1"),
  rtmr_2: register("2"),
  rtmr_3: register("3"),
  tcb_svn: "03000200000000000000000000000000",
  xfam: "e702060000000000",
  td_attributes: "0000001000000000",
};

/** The annotated evidence of a TD in good standing; each call makes a new one, changed at the given members. */
export function evidenceWith(tdx: { readonly [name: string]: JsonValue } = {}, body: Partial<typeof BODY> = {}): JsonObject {
  return {
    report_data: "dd".repeat(64),
    runtime_data_claims: { nonce: "n" },
    init_data: "00".repeat(48),
    init_data_claims: null,
    tdx: {
      simulated: false,
      tcb_status: "UpToDate",
      tcb_verification: { collateral_expired: false },
      td_attributes: { debug: false },
      quote: { header: { tee_type: "81000000" }, body: { ...BODY, ...body } },
      ...tdx,
    },
  };
}

/** Reference values that the TD of {@link BODY} equals. */
export const REFERENCES: ReferenceValues = {
  "tdx.mr_td": [BODY.mr_td],
  "tdx.rtmr_0": [BODY.rtmr_0],
  "tdx.rtmr_1": [register("9"), BODY.rtmr_1],
  "tdx.rtmr_2": [BODY.rtmr_2],
};

/** Facts under which no line of the floor hits. */
export const FACTS: FloorFacts = {
  world: "production",
  simulated: false,
  debug: false,
  collateralExpiredFor: 0,
  tcbStatus: "UpToDate",
  bound: true,
  fresh: "nonce",
  purpose: "release",
};

export const GOOD_VECTOR: TrustVector = { configuration: 2, executables: 3, hardware: 2 };

/** Claims of a token as this program mints them (trustee.md §5.2, security.md §3.6). */
export function tokenWith(
  vector: { readonly [claim: string]: JsonValue } = { ...GOOD_VECTOR },
  { status = "affirming", evidence = evidenceWith(), cai = {} }: { status?: JsonValue; evidence?: JsonValue; cai?: JsonObject } = {},
): JsonObject {
  return {
    cai: { v: 1, use: "kbs", world: "production", binding: "tagged", fresh: "nonce", ...cai },
    submods: {
      cpu0: { "ear.status": status, "ear.trustworthiness-vector": vector, "ear.veraison.annotated-evidence": evidence },
    },
  };
}
