import { type Finding, found, ok } from "../finding.ts";
import type { Machine } from "../machine.ts";

/** Devices and marks of other kinds of TEE, in the order in which agents look for them (agent.md §2.1). */
const TEES = [
  { id: "platform.sgx", name: "an SGX library OS", marks: ["/dev/attestation/attestation_type"] },
  { id: "platform.snp", name: "an AMD SEV-SNP guest", marks: ["/dev/sev-guest", "/sys/devices/platform/sev-guest"] },
  { id: "platform.csv", name: "a Hygon CSV guest", marks: ["/dev/csv-guest"] },
] as const;

const CLOUDS = [
  { vendor: /^Alibaba/, name: "Alibaba Cloud" },
  { vendor: /^Google/, name: "Google Cloud" },
  { vendor: /^Microsoft/, name: "Azure or Hyper-V" },
  { vendor: /^Amazon/, name: "Amazon Web Services" },
  { vendor: /^Tencent/, name: "Tencent Cloud" },
] as const;

/** What kind of machine this is. */
export interface Platform {
  readonly isTee: boolean;
  /** also where its guest device is missing, which can be mended */
  readonly isTdx: boolean;
  readonly findings: readonly Finding[];
}

/**
 * Looks for a TEE by its devices and the processor's flags, and for the cloud by what the firmware says.
 *
 * @param tdx  whether the attester of TDX found what it needs: in a container, configfs-tsm may be there and the device not
 */
export function platform(machine: Machine, tdx: boolean): Platform {
  const cloud = cloudOf(machine);
  const findings: Finding[] = [found("info", "platform.cloud", `the firmware says that the machine is ${cloud ?? "of no known cloud"}`)];
  if (tdx) return { isTee: true, isTdx: true, findings: [ok("platform.tdx", "this is an Intel TDX guest"), ...findings] };
  const tee = TEES.find(({ marks }) => marks.some((mark) => machine.exists(mark)));
  if (tee !== undefined) {
    const message = `this is ${tee.name}, which this version gets no evidence from`;
    return { isTee: true, isTdx: false, findings: [found("problem", tee.id, message, "start an Intel TDX instance"), ...findings] };
  }
  if (saysTdx(machine)) {
    const message = "the processor says TDX guest, but there is no guest device";
    return {
      isTee: true,
      isTdx: true,
      findings: [found("problem", "platform.tdx-device-missing", message, "modprobe tdx_guest"), ...findings],
    };
  }
  return { isTee: false, isTdx: false, findings: [withoutDevice(machine, cloud), ...findings] };
}

function saysTdx(machine: Machine): boolean {
  const flags = /^flags\s*:(.*)$/m.exec(machine.text("/proc/cpuinfo") ?? "")?.[1]?.split(" ");
  return flags?.includes("tdx_guest") === true;
}

function withoutDevice(machine: Machine, cloud: string | undefined): Finding {
  if (cloud === "Azure or Hyper-V" && machine.exists("/dev/tpm0")) {
    const message = "a confidential machine of Azure would give its quotes through its virtual TPM only, which this version does not speak";
    return found("problem", "platform.azure-vtpm", message, "use a cloud whose instances have /dev/tdx_guest");
  }
  return found(
    "problem",
    "platform.none",
    "this machine is no TEE: nothing that runs here is protected from its host",
    "start an Intel TDX instance; on one with an old kernel, modprobe tdx_guest",
  );
}

function cloudOf(machine: Machine): string | undefined {
  const vendor = machine.text("/sys/class/dmi/id/sys_vendor") ?? "";
  return CLOUDS.find((each) => each.vendor.test(vendor))?.name;
}
