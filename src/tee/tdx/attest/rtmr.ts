import { join } from "node:path";
import { CaiError } from "../../../system/index.ts";
import { deviceError, type GuestDevice } from "./guest-device.ts";
import { errnoOf, explained, isMissing, readKernelFile, writeKernelFile } from "./kernel-file.ts";
import { REPORT_DATA_SIZE } from "./quote-check.ts";
import { readTdreport } from "./tdreport.ts";

const REGISTER_SIZE = 48;
const REGISTERS = [0, 1, 2, 3];
/** Firmware and boot loader own the others (tdx.md §3.4). */
const EXTENDABLE = [2, 3];

/** The runtime measurement registers RTMR0 to RTMR3 of this TD. */
export interface Rtmrs {
  /** @returns 48 bytes. @throws CaiError `tdx.rtmr-unavailable`, `tdx.rtmr-refused`, `tdx.tdreport-malformed` */
  read(register: number): Promise<Uint8Array>;
  /**
   * Makes the register SHA-384(register ‖ digest).
   *
   * @param digest  48 bytes
   * @throws CaiError `tdx.rtmr-register`, `tdx.rtmr-digest-length`, `tdx.rtmr-unavailable`, `tdx.rtmr-refused`
   */
  extend(register: number, digest: Uint8Array): Promise<void>;
}

export interface RtmrOptions {
  /** the folder of registers that Linux 6.16 and later have */
  readonly measurements: string;
  /** the guest device, for older and vendor kernels; undefined where there is none */
  readonly device: () => Promise<GuestDevice | undefined>;
}

/** Reads and extends registers through sysfs, and where the kernel has no such files, through the guest device. */
export function createRtmrs({ measurements, device }: RtmrOptions): Rtmrs {
  const fileOf = (register: number) => join(measurements, `rtmr${register}:sha384`);
  return {
    async read(register) {
      requireRegister(register, REGISTERS);
      try {
        return requireSize(register, await readKernelFile(fileOf(register), REGISTER_SIZE, () => wrongSize(register, "more")));
      } catch (error) {
        if (!isMissing(error)) throw refused("read", register, error);
      }
      const guest = requireDevice(await device(), register);
      const reportData = new Uint8Array(REPORT_DATA_SIZE);
      const report = await guest.report(reportData).catch((error) => Promise.reject(deviceError("reading a TDREPORT", error)));
      return readTdreport(report, reportData).rtmrs[register as 0 | 1 | 2 | 3];
    },
    async extend(register, digest) {
      requireRegister(register, EXTENDABLE);
      if (digest.length !== REGISTER_SIZE) {
        const [expected, got] = [`${REGISTER_SIZE} bytes`, `${digest.length}`];
        throw new CaiError("tdx.rtmr-digest-length", `digest for RTMR${register}: expected ${expected}, got ${got}`, { expected, got });
      }
      try {
        return await writeKernelFile(fileOf(register), digest);
      } catch (error) {
        if (!isMissing(error)) throw refused("extend", register, error);
      }
      try {
        await requireDevice(await device(), register).extend(register, digest);
      } catch (error) {
        throw errnoOf(error) === "ENOTTY" ? unavailable(register, "a guest device without that call") : refused("extend", register, error);
      }
    },
  };
}

function requireRegister(register: number, allowed: readonly number[]): void {
  if (allowed.includes(register)) return;
  const [expected, got] = [`one of ${allowed.join(", ")}`, String(register)];
  throw new CaiError("tdx.rtmr-register", `register: expected ${expected}, got ${got}`, { expected, got });
}

function requireSize(register: number, value: Uint8Array): Uint8Array {
  if (value.length !== REGISTER_SIZE) throw wrongSize(register, `${value.length}`);
  return value;
}

function wrongSize(register: number, got: string): CaiError {
  return new CaiError("tdx.rtmr-unavailable", `RTMR${register}: expected ${REGISTER_SIZE} bytes, got ${got}`, {
    expected: `${REGISTER_SIZE} bytes`,
    got,
  });
}

function requireDevice(device: GuestDevice | undefined, register: number): GuestDevice {
  if (device === undefined) throw unavailable(register, "neither register files nor a guest device");
  return device;
}

function unavailable(register: number, got: string): CaiError {
  return new CaiError("tdx.rtmr-unavailable", `this kernel gives no access to RTMR${register}`, {
    expected: "register files of Linux 6.16, or a vendor kernel's guest device",
    got,
  });
}

const REASONS = {
  EACCES: "only root may",
  EPERM: "only root may",
  EROFS: "/sys is read-only here; containers need it writable",
  EINVAL: "the kernel does not let this register be extended",
};

function refused(what: string, register: number, error: unknown): CaiError {
  if (error instanceof CaiError) return error;
  const details = { got: explained(error, REASONS), cause: error };
  return new CaiError("tdx.rtmr-refused", `the kernel did not let this process ${what} RTMR${register}`, details);
}
