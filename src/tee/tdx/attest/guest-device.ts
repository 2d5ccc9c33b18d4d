import { stat } from "node:fs/promises";
import { CaiError } from "../../../system/index.ts";
import { onDeviceThread } from "./device-thread.ts";
import { errnoOf, explained, isMissing } from "./kernel-file.ts";

/** The TDX guest device, as attestation uses it. Its methods throw what the kernel says, as SystemError. */
export interface GuestDevice {
  /** @param reportData  64 bytes @returns a TDREPORT over it, unchecked */
  report(reportData: Uint8Array): Promise<Uint8Array>;
  /** @param digest  48 bytes */
  extend(register: number, digest: Uint8Array): Promise<void>;
  /** @returns the message that answers `message`, carried by a vendor kernel to the quote generation service and back */
  exchange(message: Uint8Array): Promise<Uint8Array>;
}

/** How long a call into the kernel may take: the kernel itself gives a quote up after 30 s. */
const CALL_MS = 45_000;

/** The device at `device`; each call on a thread of its own. */
export function threadedDevice(device: string): GuestDevice {
  return {
    report: (reportData) => onDeviceThread({ kind: "report", device, reportData }, CALL_MS),
    extend: async (register, digest) => void (await onDeviceThread({ kind: "extend", device, register, digest }, CALL_MS)),
    exchange: (message) => onDeviceThread({ kind: "quote", device, message }, CALL_MS),
  };
}

/** @returns the first of the paths that is there; undefined where none is */
export async function findDevice(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) {
    try {
      await stat(path);
      return path;
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  }
  return undefined;
}

const NOT_ROOT = "this user may not open it; run as root";
const REASONS = {
  EACCES: NOT_ROOT,
  EPERM: NOT_ROOT,
  ENOTTY: "this kernel's driver does not have that call",
  EINVAL: "the kernel does not take these arguments",
};

/** The error `tdx.device-unusable` for what a call of the device threw; an error of this program's own stays as it is. */
export function deviceError(what: string, error: unknown): CaiError {
  if (error instanceof CaiError) return error;
  const details = { got: explained(error, REASONS), cause: error };
  return errnoOf(error) === "ETIMEDOUT"
    ? new CaiError("tdx.quote-timeout", `the TDX guest device did not answer: ${what}`, details)
    : new CaiError("tdx.device-unusable", `the TDX guest device does not work: ${what}`, details);
}
