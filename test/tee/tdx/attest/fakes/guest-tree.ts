import type { FakeGuest } from "./fake-guest.ts";
import type { Faults } from "./faults.ts";
import { folder, KernelError, type KernelFile, type KernelFolder, staticFile } from "./kernel-tree.ts";
import { tsmReports } from "./tsm-reports.ts";

/** What of the machine a fake shows besides what every fake does. */
export interface GuestFiles {
  /** registers as files, as Linux 6.16 has them */
  readonly measurements?: boolean;
  readonly configfs?: boolean;
  readonly device?: boolean;
  readonly ccelTable?: Uint8Array;
  readonly ccelData?: Uint8Array;
  readonly qgsConfig?: string;
  readonly runtimeLog?: Uint8Array;
}

const GET_REPORT0 = 0xc4405401;
const EXTEND_RTMR = 0x40315403;

/** The root folder of a machine as a TDX guest's kernel and image provide it. */
export function guestTree(guest: FakeGuest, faults: Faults, files: GuestFiles, told: (step: string) => void): KernelFolder {
  const { measurements = true, configfs = true, device = true, ccelTable, ccelData, qgsConfig, runtimeLog } = files;
  const report = configfs ? { config: folder({ tsm: folder({ report: tsmReports(guest, faults, told) }) }) } : {};
  const registers = measurements ? { measurements: registerFiles(guest, told) } : {};
  const data = ccelData ? { data: folder({ CCEL: staticFile(ccelData, 0o400) }) } : {};
  return folder({
    sys: folder({
      kernel: folder(report),
      devices: folder({ virtual: folder({ misc: folder({ tdx_guest: folder(registers) }) }) }),
      firmware: folder({ acpi: folder({ tables: folder({ ...(ccelTable && { CCEL: staticFile(ccelTable, 0o400) }), ...data }) }) }),
    }),
    dev: folder(device ? { tdx_guest: guestDevice(guest, told) } : {}),
    etc: folder(qgsConfig === undefined ? {} : { "tdx-attest.conf": staticFile(new TextEncoder().encode(qgsConfig)) }),
    run: folder(runtimeLog ? { "attestation-agent": folder({ eventlog: staticFile(runtimeLog) }) } : {}),
  });
}

function registerFiles(guest: FakeGuest, told: (step: string) => void): KernelFolder {
  const names = guest.rtmrs.map((_, register) => [`rtmr${register}:sha384`, registerFile(guest, register, told)] as const);
  return folder({
    ...Object.fromEntries(names),
    mrconfigid: staticFile(guest.mrConfigId),
    "mrtd:sha384": staticFile(guest.mrTd),
  });
}

/** Reading gives the register; writing all of it at once extends it. */
function registerFile(guest: FakeGuest, register: number, told: (step: string) => void): KernelFile {
  return {
    kind: "file",
    mode: 0o644,
    size: 48,
    open: () => ({
      read: (offset, size) => guest.rtmrs[register]!.subarray(offset, offset + size),
      write: (offset, bytes) => {
        if (offset !== 0 || bytes.length !== 48) throw new KernelError("EINVAL");
        guest.extend(register, bytes);
        told(`extend ${register}`);
        return bytes.length;
      },
    }),
  };
}

/** The guest device of a vendor kernel: it makes TDREPORTs, and extends registers 2 and 3. */
function guestDevice(guest: FakeGuest, told: (step: string) => void): KernelFile {
  return {
    kind: "file",
    mode: 0o600,
    size: 0,
    open: () => ({
      ioctl: (request, input, size) => {
        told(`ioctl 0x${request.toString(16)}`);
        if (request === GET_REPORT0) return Buffer.concat([input.subarray(0, 64), guest.tdreport(input.slice(0, 64))]).subarray(0, size);
        if (request !== EXTEND_RTMR) throw new KernelError("ENOTTY");
        const register = input[48]!;
        if (register !== 2 && register !== 3) throw new KernelError("EINVAL");
        guest.extend(register, input.slice(0, 48));
        return new Uint8Array();
      },
    }),
  };
}
