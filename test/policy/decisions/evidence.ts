import type { ReferenceValues } from "../../../src/policy/index.ts";
import type { JsonObject, JsonValue } from "../../../src/system/index.ts";

/** Members that a test changes. */
export type Changes = { readonly [name: string]: JsonValue };

/** Hex of `bytes` bytes that share one value. */
export const hex = (pair: string, bytes: number): string => pair.repeat(bytes);

const digest = (seed: number, bytes: number): string => hex((seed & 0xff).toString(16).padStart(2, "0"), bytes);

/** One record of an event log as claims show it (trustee.md §6.0). */
export function event(index: number, typeName: string, algorithm: string, value: string, details: JsonObject = {}): JsonObject {
  return { index, type_name: typeName, digests: [{ alg: algorithm, digest: value }], event: "ZXZlbnQ=", details };
}

/** A record that the guest wrote itself: `<domain> <operation> <content>`. */
export function guestEvent(domain: string, operation: string, content: JsonValue, algorithm = "SHA-384"): JsonObject {
  const text = typeof content === "string" ? content : JSON.stringify(content);
  return event(4, "EV_EVENT_TAG", algorithm, digest(0x44, 48), {
    string: `${domain} ${operation} ${text}`,
    unicode_name: "AAEL",
    data: { domain, operation, content },
  });
}

/** What each measured component of the log below has as its digest. */
export const MEASURED = { shim: 0xa1, grub: 0xa2, kernel: 0xa3, initrd: 0xa4, kernel_cmdline: 0xa5 } as const;

/**
 * A boot of `count` events: firmware first, the boot chain where a machine has it, the guest's own events at the end.
 *
 * @param algorithm  as the log names it: `SHA-384` of TDX, `SM3` of CSV
 */
export function bootLog(algorithm = "SHA-384", count = 120): JsonObject[] {
  const bytes = algorithm === "SM3" || algorithm === "SHA-256" ? 32 : 48;
  const measured = (name: keyof typeof MEASURED) => digest(MEASURED[name], bytes);
  const application = "EV_EFI_BOOT_SERVICES_APPLICATION";
  const chain = [
    event(2, application, algorithm, measured("shim"), { device_paths: ["File(\\EFI\\alinux\\shimx64.efi)"] }),
    event(2, application, algorithm, measured("grub"), { device_paths: ["File(\\EFI\\alinux\\grubx64.efi)"] }),
    event(3, "EV_IPL", algorithm, digest(0x01, bytes), { string: "grub_cmd: set root=hd0" }),
    event(3, "EV_IPL", algorithm, measured("kernel_cmdline"), { string: "grub_kernel_cmdline /vmlinuz root=/dev/vda2 ro" }),
    event(3, "EV_IPL", algorithm, measured("kernel"), { string: "grub_linuxefi Kernel" }),
    event(3, "EV_IPL", algorithm, measured("initrd"), { string: "grub_linuxefi Initrd" }),
    guestEvent("cryptpilot.alibabacloud.com", "load_config", "config-hash", algorithm),
    guestEvent("cryptpilot.alibabacloud.com", "fde_rootfs_hash", "root-hash", algorithm),
    guestEvent("trustiflux.alibaba.com", "load-model", { "model-id": "small", hash: "sha256:77" }, algorithm),
    guestEvent("file", "/etc/agent.toml", "file-hash", algorithm),
  ];
  const firmware = Array.from({ length: count - chain.length }, (_, i) => {
    const kind = i % 6;
    if (kind === 0) return event(1, "EV_EFI_VARIABLE_DRIVER_CONFIG", algorithm, digest(i, bytes), { unicode_name: `Variable${i}` });
    if (kind === 1) return event(1, "EV_EFI_PLATFORM_FIRMWARE_BLOB2", algorithm, digest(i, bytes));
    if (kind === 2) return event(2, "EV_EFI_ACTION", algorithm, digest(i, bytes), { string: "Calling EFI Application from Boot Option" });
    if (kind === 3) return event(2, application, algorithm, digest(i, bytes), { device_paths: [`File(\\driver${i}.efi)`] });
    return event(3, "EV_IPL", algorithm, digest(i, bytes), { string: `grub_cmd: menuentry ${i}` });
  });
  return [...firmware, ...chain];
}

/** Reference values for {@link bootLog}. */
export function bootReferences(algorithm = "SHA-384"): ReferenceValues {
  const bytes = algorithm === "SM3" || algorithm === "SHA-256" ? 32 : 48;
  const components = Object.entries(MEASURED).map(([name, seed]) => [`measurement.${name}.${algorithm}`, [digest(seed, bytes)]]);
  return {
    ...Object.fromEntries(components),
    "AA.eventlog.cryptpilot.alibabacloud.com.load_config": ["config-hash"],
    "AA.eventlog.cryptpilot.alibabacloud.com.fde_rootfs_hash": ["root-hash"],
    "measurement.model.small": ["sha256:66", "sha256:77"],
    "measurement.file./etc/agent.toml": ["file-hash"],
  };
}

/** The annotated evidence around one platform's claims (trustee.md §5.2). */
export function annotated(tee: string, claims: JsonObject): JsonObject {
  return {
    report_data: hex("dd", 64),
    runtime_data_claims: { nonce: "n" },
    init_data: hex("00", 48),
    init_data_claims: null,
    [tee]: claims,
  };
}

/** Claims of a TD (§6.1) in good standing, with the nested standing of one trustee. */
export function tdx(changes: Changes = {}, body: Changes = {}): JsonObject {
  return annotated("tdx", {
    quote: {
      header: { version: "0400", att_key_type: "0200", tee_type: "81000000", vendor_id: "939a7233f79c4ca9940a0db3957f0607" },
      body: {
        tcb_svn: "03000200000000000000000000000000",
        mr_seam: hex("b0", 48),
        mrsigner_seam: hex("00", 48),
        seam_attributes: hex("00", 8),
        td_attributes: "0000001000000000",
        xfam: "e702060000000000",
        mr_td: hex("aa", 48),
        mr_config_id: hex("00", 48),
        mr_owner: hex("00", 48),
        mr_owner_config: hex("00", 48),
        rtmr_0: hex("10", 48),
        rtmr_1: hex("11", 48),
        rtmr_2: hex("12", 48),
        rtmr_3: hex("13", 48),
        report_data: hex("dd", 64),
        ...body,
      },
    },
    tcb_verification: { tcb_status: "UpToDate", collateral_expired: false, advisory_ids: "" },
    td_attributes: { debug: false, septve_disable: true, protection_keys: false, key_locker: false, perfmon: false },
    uefi_event_logs: bootLog(),
    ...changes,
  });
}

/** Claims of a CSV guest (§6.2), report version 2. */
export function csv(changes: Changes = {}, policy: Changes = {}): JsonObject {
  return annotated("csv", {
    version: "2",
    policy: {
      nodbg: 1,
      noks: 1,
      es: 1,
      nosend: 1,
      csv: 1,
      csv3: 0,
      asid_reuse: 0,
      hsk_version: 1,
      cek_version: 1,
      api_major: 1,
      api_minor: 3,
      ...policy,
    },
    measure: hex("c5", 32),
    serial_number: "HYGON0001",
    uefi_event_logs: bootLog("SM3"),
    ...changes,
  });
}

/** Claims of an SNP guest (§6.3): texts and base64 of one trustee, or numbers, booleans and hex of the other one. */
export function snp(style: "texts" | "values", changes: Changes = {}): JsonObject {
  const texts = style === "texts";
  const number = (value: number): JsonValue => (texts ? String(value) : value);
  const flag = (value: boolean): JsonValue => (texts ? String(Number(value)) : value);
  return annotated("snp", {
    policy_abi_major: number(0),
    policy_abi_minor: number(0),
    policy_smt_allowed: flag(true),
    policy_migrate_ma: flag(false),
    policy_debug_allowed: flag(false),
    policy_single_socket: flag(false),
    reported_tcb_bootloader: number(3),
    reported_tcb_tee: number(0),
    reported_tcb_snp: number(8),
    reported_tcb_microcode: number(115),
    platform_tsme_enabled: flag(false),
    platform_smt_enabled: flag(true),
    measurement: texts ? Buffer.from(hex("5e", 48), "hex").toString("base64") : hex("5e", 48),
    ...changes,
  });
}

/** Claims of a TPM (§6.4): measurements by name, the names with dots in them. */
export function tpm(algorithm = "SHA-256", changes: Changes = {}): JsonObject {
  const measured = Object.entries(MEASURED).map(([name, seed]) => [`measurement.${name}.${algorithm}`, digest(seed, 32)]);
  return annotated("tpm", {
    "EK_cert_issuer.O": "A maker of TPMs",
    "quote.firmware_version": "7.2",
    ...Object.fromEntries(measured),
    uefi_event_logs: bootLog("SHA-256"),
    ...changes,
  });
}

/** Claims of an SGX enclave (§6.5): the flags' name has a dot in it. */
export function sgx(body: Changes = {}): JsonObject {
  return annotated("sgx", {
    header: { vendor_id: "939a7233f79c4ca9940a0db3957f0607" },
    body: {
      cpu_svn: hex("0b", 16),
      mr_enclave: hex("e1", 32),
      mr_signer: hex("e2", 32),
      isv_svn: "0100",
      "attributes.flags": "0500000000000000",
      ...body,
    },
  });
}
