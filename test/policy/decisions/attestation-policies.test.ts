import { describe, expect, test } from "bun:test";
import { appraise, compilePolicy, type ReferenceValues, statusOf } from "../../../src/policy/index.ts";
import type { JsonObject, JsonValue } from "../../../src/system/index.ts";
import byObject from "./claims-as-object.rego" with { type: "text" };
import byRule from "./claims-by-rule.rego" with { type: "text" };
import { annotated, bootLog, bootReferences, csv, event, guestEvent, hex, sgx, snp, tdx, tpm } from "./evidence.ts";

const NOTHING_SHOWN = { configuration: 36, executables: 33, "file-system": 35, hardware: 97 };

const TDX_REFERENCES: ReferenceValues = {
  ...bootReferences(),
  "tdx.mr_td": [hex("aa", 48)],
  "tdx.mr_seam": [hex("b0", 48)],
  "tdx.xfam": ["e702060000000000"],
};

const SNP_REFERENCES: ReferenceValues = {
  "snp.measurement": [hex("5e", 48)],
  "snp.reported_tcb_bootloader": ["3"],
  "snp.reported_tcb_microcode": ["115"],
  "snp.reported_tcb_snp": ["8"],
  "snp.reported_tcb_tee": ["0"],
  "snp.policy_abi_major": ["0"],
  "snp.policy_abi_minor": ["0"],
  "snp.policy_smt_allowed": ["1"],
  "snp.policy_single_socket": ["0"],
  "snp.platform_smt_enabled": ["1"],
  "snp.platform_tsme_enabled": ["0"],
};

const CSV_REFERENCES: ReferenceValues = {
  ...bootReferences("SM3"),
  "csv.hsk_version": [1],
  "csv.cek_version": [1],
  "csv.api_major": [1],
  "csv.api_minor": [2, 3],
};

const TPM_REFERENCES: ReferenceValues = {
  ...bootReferences("SHA-256"),
  "tpm.EK_cert_issuer.O": ["A maker of TPMs"],
  "tpm.firmware_version": ["7.2"],
};

const SGX_REFERENCES: ReferenceValues = {
  "sgx.mr_enclave": [hex("e1", 32)],
  "sgx.mr_signer": [hex("e2", 32)],
  "sgx.cpu_svn": [hex("0b", 16)],
  "sgx.isv_svn": ["0100"],
};

function graded(policyText: string, evidence: JsonObject, references: ReferenceValues = {}) {
  return appraise({ policyText, policyId: "default", evidence, floor: [], references });
}

const vectorOf = (evidence: JsonObject, references: ReferenceValues) => graded(byRule, evidence, references).vector;

describe("the policy that has a rule for each claim", () => {
  test.each([
    ["TDX", tdx(), TDX_REFERENCES, { configuration: 2, executables: 3, "file-system": 2, hardware: 2 }],
    ["CSV", csv(), CSV_REFERENCES, { configuration: 2, executables: 3, "file-system": 2, hardware: 2 }],
    ["SNP in texts", snp("texts"), SNP_REFERENCES, { configuration: 2, executables: 3, "file-system": 0, hardware: 2 }],
    ["SNP in values", snp("values"), SNP_REFERENCES, { configuration: 2, executables: 3, "file-system": 0, hardware: 2 }],
    ["TPM", tpm(), TPM_REFERENCES, { configuration: 2, executables: 3, "file-system": 2, hardware: 2 }],
    ["SGX", sgx(), SGX_REFERENCES, { configuration: 2, executables: 3, "file-system": 35, hardware: 2 }],
    ["a plain machine", annotated("system", { uefi_event_logs: bootLog() }), bootReferences(), { ...NOTHING_SHOWN, executables: 3 }],
  ] as const)("raises the claims of %s that its reference values show", (_, evidence, references, vector) => {
    expect(graded(byRule, evidence, references).vector).toEqual(vector);
  });

  test.each([
    ["TDX", tdx(), { hardware: 2, executables: 33, configuration: 36, "file-system": 35 }],
    // Nothing of SNP's policy bits, versions or measurement stands without a value.
    ["SNP", snp("texts"), { hardware: 97, executables: 33, configuration: 36, "file-system": 0 }],
    ["CSV", csv(), { hardware: 2, executables: 33, configuration: 2, "file-system": 35 }],
    ["TPM", tpm(), NOTHING_SHOWN],
    ["SGX", sgx(), NOTHING_SHOWN],
    ["evidence of no platform", annotated("sample", { svn: "1" }), NOTHING_SHOWN],
    ["an empty object", {}, NOTHING_SHOWN],
  ] as const)("keeps the defaults of %s while no reference value is stored", (_, evidence, vector) => {
    const { vector: got, status } = graded(byRule, evidence);
    expect(got).toEqual(vector);
    expect(status).toBe(statusOf(vector));
    expect(["warning", "contraindicated"]).toContain(status);
  });

  test.each([
    ["another kernel", { "measurement.kernel.SHA-384": ["00"] }],
    ["another command line", { "measurement.kernel_cmdline.SHA-384": ["00"] }],
    ["no value for the initrd", { "measurement.initrd.SHA-384": null }],
    ["a value that is no list", { "measurement.shim.SHA-384": hex("a1", 48) }],
    ["a model that is not allowed", { "measurement.model.small": ["sha256:66"] }],
    ["a model without values", { "measurement.model.small": null }],
    ["a file that is not allowed", { "measurement.file./etc/agent.toml": [] }],
  ])("does not affirm executables for %s", (_, change) => {
    expect(vectorOf(tdx(), { ...TDX_REFERENCES, ...change } as ReferenceValues).executables).toBe(33);
  });

  test("reads a model event's content as the object that it is", () => {
    const model = guestEvent("trustiflux.alibaba.com", "load-model-2", { "model-id": "large", hash: "sha256:88" });
    const evidence = tdx({ uefi_event_logs: [...bootLog(), model] });
    expect(vectorOf(evidence, TDX_REFERENCES).executables).toBe(33);
    expect(vectorOf(evidence, { ...TDX_REFERENCES, "measurement.model.large": ["sha256:88"] }).executables).toBe(3);
    const unmarshals = "package policy\nimport rego.v1\nexecutables := 3 if json.unmarshal(input.content).hash";
    expect(() => graded(unmarshals, { content: { hash: "sha256:88" } })).toThrow(expect.objectContaining({ id: "policy.eval-error" }));
  });

  test("refuses a second root hash beside the allowed one, and a log that has none", () => {
    const second = guestEvent("cryptpilot.alibabacloud.com", "fde_rootfs_hash", "other-root");
    expect(vectorOf(tdx({ uefi_event_logs: [...bootLog(), second] }), TDX_REFERENCES)["file-system"]).toBe(35);
    expect(vectorOf(tdx({ uefi_event_logs: bootLog().slice(0, -4) }), TDX_REFERENCES)["file-system"]).toBe(35);
  });

  test("takes the algorithm as the log names it, the older spelling too", () => {
    const older = bootLog("SHA384");
    expect(vectorOf(tdx({ uefi_event_logs: older }), { ...TDX_REFERENCES, ...bootReferences("SHA384") }).executables).toBe(3);
    expect(vectorOf(tdx({ uefi_event_logs: older }), TDX_REFERENCES).executables).toBe(33);
    // The log library writes SM3; the name with a hyphen is what the policy asks of a TPM.
    const hyphen = Object.fromEntries(Object.entries(bootReferences("SM3")).map(([name, value]) => [name.replace("SM3", "SM-3"), value]));
    expect(vectorOf(csv(), { ...CSV_REFERENCES, ...hyphen }).executables).toBe(3);
    expect(vectorOf(csv(), hyphen).executables).toBe(33);
    expect(vectorOf(tpm("SM-3"), { ...TPM_REFERENCES, ...hyphen }).executables).toBe(3);
    expect(vectorOf(tpm("SM3-256"), { ...TPM_REFERENCES, ...hyphen }).executables).toBe(33);
  });

  test("does not take a digest of another kind of event for the kernel's", () => {
    const log = bootLog().map((one) =>
      (one["details"] as JsonObject)["string"] === "grub_linuxefi Kernel" ? { ...one, type_name: "EV_EVENT_TAG" } : one,
    );
    expect(vectorOf(tdx({ uefi_event_logs: log }), TDX_REFERENCES).executables).toBe(33);
    const none = bootLog().filter((one) => (one["details"] as JsonObject)["string"] !== "grub_linuxefi Kernel");
    const stray = event(1, "EV_IPL", "SHA-384", hex("a3", 48), { string: "a Kernel of another name" });
    expect(vectorOf(tdx({ uefi_event_logs: none }), TDX_REFERENCES).executables).toBe(33);
    expect(vectorOf(tdx({ uefi_event_logs: [...none, stray] }), TDX_REFERENCES).executables).toBe(3);
  });

  test.each([
    [{ tcb_status: "UpToDate", collateral_expired: false, advisory_ids: "" }, 2],
    [{ tcb_status: "UpToDate", collateral_expired: false, advisory_ids: "INTEL-SA-1" }, 97],
    [{ tcb_status: "UpToDate", collateral_expired: true, advisory_ids: "" }, 97],
    [{ tcb_status: "OutOfDate", collateral_expired: false, advisory_ids: "" }, 97],
    [{ tcb_status: "SWHardeningNeeded", collateral_expired: false, advisory_ids: "INTEL-SA-1, INTEL-SA-2" }, 2],
    [{ tcb_status: "SWHardeningNeeded", collateral_expired: false, advisory_ids: "INTEL-SA-1,INTEL-SA-3" }, 97],
    [{}, 97],
    [null, 97],
  ] as const)("grades the nested standing %j as hardware %p", (standing, hardware) => {
    const references = { ...TDX_REFERENCES, "tdx.advisories": ["INTEL-SA-1", "INTEL-SA-2"] };
    expect(vectorOf(tdx({ tcb_verification: standing }), references).hardware).toBe(hardware);
  });

  test.each([
    [{ tcb_status: "UpToDate", collateral_expiration_status: "0", advisory_ids: [] }, 2],
    [{ tcb_status: "UpToDate", collateral_expiration_status: "1", advisory_ids: [] }, 97],
    [{ tcb_status: "UpToDate", collateral_expiration_status: 0, advisory_ids: [] }, 97],
    [{ tcb_status: "OutOfDate", collateral_expiration_status: "0", advisory_ids: [] }, 97],
    [{}, 97],
  ] as const)("grades the flat standing %j as hardware %p", (standing, hardware) => {
    const claims = tdx()["tdx"] as { readonly [name: string]: JsonValue };
    const { tcb_verification: _, ...flat } = claims;
    expect(vectorOf(annotated("tdx", { ...flat, ...standing }), TDX_REFERENCES).hardware).toBe(hardware);
  });

  test.each([
    ["td_attributes", "0100001000000000", "configuration", 36],
    ["xfam", "0000000000000000", "configuration", 36],
    ["mr_owner", hex("01", 48), "configuration", 36],
    ["mr_td", hex("ab", 48), "hardware", 97],
    ["mr_seam", hex("b1", 48), "hardware", 97],
    ["mrsigner_seam", hex("01", 48), "hardware", 97],
  ] as const)("lowers a TD whose %s is %s", (member, value, claim, expected) => {
    expect(vectorOf(tdx({}, { [member]: value }), TDX_REFERENCES)[claim]).toBe(expected);
  });

  test("reads `measure` of CSV, not the name `measurement` that comments use", () => {
    const first = { version: "1", uefi_event_logs: null };
    const references = { ...CSV_REFERENCES, "csv.measure": [hex("c5", 32)] };
    expect(vectorOf(csv(first), references).executables).toBe(3);
    expect(vectorOf(csv({ ...first, measure: null, measurement: hex("c5", 32) }), references).executables).toBe(33);
  });

  test("does not affirm CSV guests that may be debugged, moved or keep no encrypted state", () => {
    for (const change of [{ nodbg: 0 }, { noks: 0 }, { es: 0 }, { asid_reuse: 1 }, { nodbg: "1" }, { nodbg: true }]) {
      expect(vectorOf(csv({}, change as unknown as JsonObject), CSV_REFERENCES).configuration).toBe(36);
    }
    expect(vectorOf(csv({}, { hsk_version: 0 }), CSV_REFERENCES).hardware).toBe(97);
  });

  test.each(["texts", "values"] as const)("does not affirm SNP guests in %s that may be debugged or migrated", (style) => {
    for (const on of ["1", 1, true]) {
      expect(vectorOf(snp(style, { policy_debug_allowed: on }), SNP_REFERENCES).configuration).toBe(36);
      expect(vectorOf(snp(style, { policy_migrate_ma: on }), SNP_REFERENCES).configuration).toBe(36);
    }
    expect(vectorOf(snp(style, { policy_debug_allowed: null }), SNP_REFERENCES).configuration).toBe(36);
    expect(vectorOf(snp(style, { reported_tcb_microcode: style === "texts" ? "114" : 114 }), SNP_REFERENCES).hardware).toBe(97);
    expect(vectorOf(snp(style, { measurement: hex("5f", 48) }), SNP_REFERENCES).executables).toBe(33);
  });

  test("ends with an error where a measurement is neither of the two encodings, for the built-in cannot read it", () => {
    expect(() => vectorOf(snp("texts", { measurement: "!" }), SNP_REFERENCES)).toThrow(
      expect.objectContaining({ id: "policy.eval-error" }),
    );
  });

  test("does not affirm an enclave whose debug flag is set, by a member with a dot in its name", () => {
    expect(vectorOf(sgx({ "attributes.flags": "0700000000000000" }), SGX_REFERENCES).configuration).toBe(36);
    const { "attributes.flags": flags, ...body } = (sgx()["sgx"] as JsonObject)["body"] as { readonly [name: string]: JsonValue };
    const nested = annotated("sgx", { body: { ...body, attributes: { flags: flags! } } });
    expect(vectorOf(nested, SGX_REFERENCES).configuration).toBe(36);
    expect(vectorOf(sgx({ mr_signer: hex("e3", 32) }), SGX_REFERENCES).executables).toBe(33);
  });
});

describe("reference values", () => {
  const claim = (body: string, references: ReferenceValues = {}) =>
    graded(`package policy\nimport rego.v1\ndefault executables := 33\nexecutables := 3 if { ${body} }`, { a: "x" }, references).vector
      .executables;

  test("that are not stored are null, and membership in null keeps the default", () => {
    expect(claim('is_null(query_reference_value("missing"))')).toBe(3);
    expect(claim('input.a in query_reference_value("missing")')).toBe(33);
    expect(claim('query_reference_value("missing")[_] == input.a')).toBe(33);
    expect(claim('input.a in query_reference_value("n")', { n: ["x"] })).toBe(3);
  });

  test("are never members of a prototype", () => {
    for (const name of ["constructor", "__proto__", "toString"]) expect(claim(`is_null(query_reference_value("${name}"))`)).toBe(3);
  });

  test("are also below data.reference, by name and by iteration", () => {
    expect(claim('input.a in data.reference["tdx.mr_td"]', { "tdx.mr_td": ["x"] })).toBe(3);
    expect(claim("some name; input.a in data.reference[name]", { "tdx.mr_td": ["x"] })).toBe(3);
    expect(claim('input.a in data.reference["tdx.mr_td"]', {})).toBe(33);
  });

  test("below data.reference are undefined where the server gives no data, as the other trustee does", () => {
    const policy = compilePolicy("package policy\nimport rego.v1\ndefault svn := 33\nsvn := 3 if input.svn in data.reference.device_svn");
    expect(policy.evaluate("data.policy.svn", { input: { svn: 1 }, data: {} })).toBe(33);
    expect(policy.evaluate("data.policy.svn", { input: { svn: 1 }, data: { reference: { device_svn: [1] } } })).toBe(3);
  });

  test("cannot stand in for a rule of the policy", () => {
    const text = "package reference\nimport rego.v1\nmr_td := []";
    expect(compilePolicy(text).evaluate("data.reference.mr_td", { data: { reference: { mr_td: ["x"] } } })).toEqual([]);
  });

  test.each(["query_artifact_server({})", 'http.send({"url": "http://127.0.0.1"})', "opa.runtime()", 'net.lookup_ip_addr("localhost")'])(
    "do not come from %s: a policy that calls it is refused as a whole",
    (call) => {
      expect(() => claim(call)).toThrow(
        expect.objectContaining({ id: expect.stringMatching(/^policy\.(builtin-unavailable|compile-error)$/) }),
      );
    },
  );
});

describe("the policy that gives one object of claims", () => {
  const references: ReferenceValues = {
    rtmr_1: [hex("11", 48)],
    rtmr_2: [hex("12", 48)],
    mr_td: [hex("aa", 48)],
    xfam: ["e702060000000000"],
    tdvfkernel: [hex("a3", 48)],
    snp_launch_measurement: [hex("5e", 48)],
    snp_bootloader: [3],
    snp_microcode: [115],
    snp_snp_svn: [8],
    snp_tee_svn: [0],
    snp_smt_enabled: [true],
    snp_guest_abi_major: [0],
    launch_digest: ["abcde"],
    svn: ["1"],
    major_version: 1,
    minimum_minor_version: 3,
  };
  const flat = { tcb_status: "UpToDate", collateral_expiration_status: "0", advisory_ids: [] };
  const matching = bootLog().map((one) => ({ ...one, digest_matches_event: true }));
  const sample = annotated("sample", {
    svn: "1",
    launch_digest: "abcde",
    platform_version: { major: 1, minor: 4 },
    debug: false,
  });
  const ZEROS = { "file-system": 0, "instance-identity": 0, "runtime-opaque": 0, "storage-opaque": 0, "sourced-data": 0 };

  test.each([
    ["TDX", tdx({ ...flat, uefi_event_logs: matching })],
    ["SNP", snp("values")],
    ["sample evidence", sample],
  ])("affirms %s, and sets the claims it does not speak of to 0", (_, evidence) => {
    const { vector, status } = graded(byObject, evidence, references);
    expect(vector).toEqual({ configuration: 2, executables: 3, hardware: 2, ...ZEROS });
    expect(status).toBe("affirming");
  });

  test("keeps the defaults without reference values", () => {
    expect(graded(byObject, tdx(flat)).vector).toEqual({ configuration: 36, executables: 33, hardware: 97, ...ZEROS });
  });

  test("asks that the digest of the kernel's event match its data", () => {
    expect(graded(byObject, tdx(flat), references).vector.executables).toBe(33);
    const wrong = matching.map((one) => ({ ...one, digest_matches_event: false }));
    expect(graded(byObject, tdx({ ...flat, uefi_event_logs: wrong }), references).vector.executables).toBe(33);
  });

  test("does not read the texts of the other trustee's SNP verifier", () => {
    expect(graded(byObject, snp("texts"), references).vector).toMatchObject({ configuration: 36, executables: 33, hardware: 97 });
  });

  test("gives extensions as a list of name, key and value", () => {
    const policy = compilePolicy(byObject);
    const extensions = (evidence: JsonObject) => policy.evaluate("data.policy.extensions", { input: evidence });
    expect(extensions(snp("values"))).toEqual([{ name: "platform", key: 21, value: "snp" }]);
    expect(extensions({})).toEqual([]);
  });
});

describe("a policy of one trustee at the other one", () => {
  test("sets no trust_claims object where it has rules only", () => {
    expect(compilePolicy(byRule).evaluate("data.policy.trust_claims", { input: tdx() })).toBeUndefined();
  });

  test("gets the worse value where its object and its rule differ", () => {
    const text = 'package policy\nimport rego.v1\ntrust_claims := {"executables": 3, "hardware": 97}\nexecutables := 33\nhardware := 2';
    expect(graded(text, {}).vector).toEqual({ executables: 33, hardware: 97 });
  });

  test.each(["2.5", '"2"', "true", "null", "[2]", "128", "-129"])("is refused with the claim value %s", (value) => {
    for (const rule of [`hardware := ${value}`, `trust_claims := {"hardware": ${value}}`]) {
      expect(() => graded(`package policy\n${rule}`, {})).toThrow(expect.objectContaining({ id: "policy.claim-invalid" }));
    }
  });

  test("is refused where it sets no claim at all, and 0 counts as a claim", () => {
    expect(() => graded("package policy\nimport rego.v1\nhardware := 2 if input.nothing", {})).toThrow(
      expect.objectContaining({ id: "policy.no-claims" }),
    );
    expect(graded("package policy\nhardware := 0", {})).toMatchObject({ vector: { hardware: 0 }, status: "none" });
  });
});

describe("policies of the token forms that ask for one `allow`", () => {
  const evaluate = (rule: string, input: JsonObject) =>
    compilePolicy(`package policy\nimport rego.v1\n${rule}`).evaluate("data.policy.allow", { input });

  test("see flattened names with dots where claims are flattened", () => {
    const flat = { "tdx.quote.body.mr_td": hex("aa", 48), report_data: "", init_data: "" };
    expect(evaluate(`allow if input["tdx.quote.body.mr_td"] == "${hex("aa", 48)}"`, flat)).toBe(true);
    expect(evaluate(`allow if input.tdx.quote.body.mr_td == "${hex("aa", 48)}"`, flat)).toBeUndefined();
  });

  test("see nested objects where claims are nested", () => {
    const { tdx: claims } = tdx();
    expect(evaluate('allow if input.tdx.quote.header.tee_type == "81000000"', { tdx: claims! })).toBe(true);
    expect(evaluate('allow if input["tdx.quote.header.tee_type"] == "81000000"', { tdx: claims! })).toBeUndefined();
  });
});
